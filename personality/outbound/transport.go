package outbound

import (
	"net/http"
	"slices"
	"time"
)

// Bounds of a [NewTransport].
const (
	keptConnections = 8 // that wait for the next request, to one host
	keptFor         = 90 * time.Second
)

// NewTransport returns what makes requests of any method by the rules of a [Client]: the
// URL of each is checked, those that redirects lead to, too, and each address when it is
// dialled. Other than a client's, connections serve further requests: their addresses were
// checked. Ports may be dialled beside those of web servers, at public addresses. Errors are [*Error]. How long
// answers take is for whoever reads them to bound; Idle bounds how long they take to begin.
func NewTransport(o Options, ports ...uint16) http.RoundTripper {
	c := New(o)
	if !o.AllowPrivate {
		c.mayPort = func(port uint16) bool { return publicPort(port) || slices.Contains(ports, port) }
	}
	return newTransport(c)
}

func newTransport(c *Client) *transport {
	base := c.http.Transport.(*http.Transport)
	base.DisableKeepAlives = false
	base.MaxIdleConnsPerHost, base.IdleConnTimeout = keptConnections, keptFor
	base.TLSHandshakeTimeout, base.ResponseHeaderTimeout = c.options.Idle, c.options.Idle
	base.ForceAttemptHTTP2 = true
	return &transport{client: c, base: base}
}

type transport struct {
	client *Client
	base   *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.client.checkURL(r.URL); err != nil {
		return nil, err
	}
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, failed(r.Context(), err)
	}
	return response, nil
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }
