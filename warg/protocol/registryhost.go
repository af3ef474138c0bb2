package protocol

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// maxHost is the longest name of a host in bytes (RFC 1035, section 2.3.4).
const maxHost = 253

// CheckRegistryHost returns why a text does not name a registry whose packages another
// registry may send clients to: it is a host or host:port, the host a DNS name or an IP
// address. The protocol takes any text in an import of a namespace, and keeps it for good.
// The error says what is wrong, and does not quote the text.
func CheckRegistryHost(text string) error {
	if len(text) > maxHost+len(":65535") {
		return errors.New("it is longer than the name of a host can be")
	}
	if strings.Contains(text, "/") {
		return errors.New("it is a URL or path; want the host alone, such as registry.example.com or registry.example.com:8090")
	}
	host, port, hasPort := cutPort(text)
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return errors.New("its port is not a number from 1 to 65535")
		}
	}
	if bare, ok := strings.CutPrefix(host, "["); ok {
		bare, ok = strings.CutSuffix(bare, "]")
		if address, err := netip.ParseAddr(bare); !ok || err != nil || !address.Is6() || address.Zone() != "" {
			return errors.New("what stands in brackets is not an IPv6 address")
		}
		return nil
	}
	return checkHostName(host)
}

// cutPort cuts a port off. Colons in brackets are an address's.
func cutPort(text string) (host, port string, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || strings.HasSuffix(text, "]") {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// checkHostName takes a name as RFC 1123, section 2.1, has it: labels of letters, digits
// and inner hyphens.
func checkHostName(host string) error {
	if host == "" || len(host) > maxHost {
		return errors.New("it names no host, or one that is too long")
	}
	for label := range strings.SplitSeq(host, ".") {
		stray := strings.ContainsFunc(label, func(r rune) bool { return !strings.ContainsRune(hostRunes, r) })
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || stray {
			return errors.New("it is not the name of a host: labels of letters, digits and inner hyphens, joined by dots")
		}
	}
	return nil
}

const hostRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
