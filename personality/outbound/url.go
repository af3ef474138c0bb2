package outbound

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxURL is the length of the longest URL that is taken, in bytes.
const maxURL = 2048

var (
	hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?\.?$`)
	// localNames end names that are of this machine or network alone (RFC 6761, RFC 6762,
	// RFC 8375, and what clouds use).
	localNames = []string{".localhost", ".local", ".internal", ".localdomain", ".home.arpa"}
)

// Check says what is wrong with a URL, before anything is asked: an error with the method
// Public for whoever named it. What its name resolves to is looked at when it is dialled.
func (c *Client) Check(text string) error {
	_, err := c.parse(text)
	return err
}

func (c *Client) parse(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, failure("its URL is longer than " + strconv.Itoa(maxURL) + " bytes")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, failure("its URL is malformed")
	}
	return u, c.checkURL(u)
}

// checkURL is Check, for the target of a redirect, too.
func (c *Client) checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Host == "":
		return failure("its URL is not one such as https://example.com/file")
	case u.User == nil && c.private(HostPort(u)):
		return nil
	case u.Scheme == "http" && !c.options.AllowHTTP:
		return failure("its URL is not an https one")
	case u.User != nil:
		return failure("its URL has a user name or password")
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || !c.mayPort(uint16(n)) {
			return failure("its URL has another port than 80 and 443")
		}
	}
	if c.options.AllowPrivate {
		return nil
	}
	return checkHost(u.Hostname())
}

// HostPort is the host that a URL leads to with its port, that of its scheme if it has none.
func HostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// checkHost refuses hosts that are not public by what they say. Addresses are taken in
// their one usual form: what some resolvers take for an address besides (decimal, octal
// and hexadecimal numbers, dots at the end) is refused.
func checkHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if !Public(a) {
			return failure(notPublicText)
		}
		return nil
	}
	if len(host) > 254 || !hostName.MatchString(host) {
		return failure("the host in its URL is not the full name of a host, or an address in its usual form")
	}
	name := "." + strings.ToLower(strings.TrimSuffix(host, "."))
	for _, local := range localNames {
		if strings.HasSuffix(name, local) {
			return failure(notPublicText)
		}
	}
	return nil
}

// Redacted is a URL for log lines: without what may give access.
func Redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(malformed)"
	}
	return redacted(u)
}

func redacted(u *url.URL) string {
	short := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return short.String()
}
