package outbound

import (
	"fmt"
	"net/netip"
)

// reserved are networks that are not the public internet, after IANA's registries of
// special-purpose addresses (RFC 6890). Those of IPv6 are within 2000::/3: all others are
// not public. 168.63.129.16 is where machines in Azure ask about themselves; the metadata
// services of other clouds are at link-local, shared or unique local addresses.
var reserved = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",
	"2001::/23",     // protocol assignments, such as Teredo, which hides an IPv4 address
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4, which stands for an IPv4 address
	"2620:4f:8000::/48", "3fff::/20",
)

var (
	public6 = netip.MustParsePrefix("2000::/3")
	nat64   = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last 32 bits are an IPv4 address
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Public reports whether an address is one of the public internet. An IPv6 address that
// stands for an IPv4 address, mapped (RFC 4291) or by NAT64, is what that one is.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.Is6() && !public6.Contains(a) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// publicPort reports whether a port may be dialled: those of web servers, and no others.
func publicPort(port uint16) bool { return port == 80 || port == 443 }

// checkDialled says why an address and port may not be dialled.
func checkDialled(address string, mayPort func(uint16) bool) error {
	a, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s", errNotPublic, address)
	case !Public(a.Addr()):
		return fmt.Errorf("%w: %s", errNotPublic, a.Addr())
	case !mayPort(a.Port()):
		return fmt.Errorf("%w: port %d", errNotPublic, a.Port())
	}
	return nil
}
