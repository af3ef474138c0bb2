package client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many redirections a request follows, as net/http does it.
const maxRedirects = 10

// ErrPlainHTTP is for places of content that are without TLS on another machine, unless
// the registry itself is there.
var ErrPlainHTTP = errors.New("plain HTTP is for this machine alone")

// guarded returns a copy of an HTTP client that takes no authorization to another scheme,
// host or port when it is redirected (net/http keeps it for all ports of a host), and
// follows no redirection to where [Client.checkPlace] would not go.
func (c *Client) guarded(base *http.Client) *http.Client {
	guarded := *base
	guarded.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if !sameOrigin(next.URL, via[0].URL) {
			next.Header.Del("Authorization")
		}
		if err := c.checkPlace(next.URL); err != nil {
			return err
		}
		if base.CheckRedirect != nil {
			return base.CheckRedirect(next, via)
		}
		if len(via) >= maxRedirects {
			return fmt.Errorf("stopped after %d redirects", maxRedirects)
		}
		return nil
	}
	return &guarded
}

// checkPlace refuses plain HTTP to other machines, but to the registry that was named so.
func (c *Client) checkPlace(u *url.URL) error {
	if u.Scheme != "http" || c.isRegistry(u) || isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%w: %s names %s; its operator must give an https URL", ErrPlainHTTP, c.URL(), redacted(u))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}
