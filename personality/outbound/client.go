package outbound

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options say what may be fetched, and how.
type Options struct {
	// AllowPrivate lets every address and port be dialled: for tests, and for registries
	// whose clients may reach the same network.
	AllowPrivate bool
	// AllowHTTP takes http URLs beside https.
	AllowHTTP bool
	// Private are the hosts, each with its port, that may be at any address and port, and be
	// reached by http, too; all others have to be public. Of a URL without a port, that of
	// its scheme counts.
	Private []string
	// Idle is the longest silence, from dialling to the last byte; zero: 30 s.
	Idle time.Duration
	// MinRate is how many bytes a second must come, beyond the first Grace; zero: any.
	MinRate int64
	Grace   time.Duration // zero: 10 s
	// Resolver resolves names; nil: Go's default.
	Resolver *net.Resolver
	// TLS is how hosts are known; nil: by the authorities that this machine trusts.
	TLS *tls.Config
	// UserAgent is what it says of itself.
	UserAgent string
}

const (
	maxRedirects  = 5
	maxHeader     = 64 << 10 // bytes
	defaultIdle   = 30 * time.Second
	defaultGrace  = 10 * time.Second
	minTLSVersion = tls.VersionTLS12
)

// Client fetches. It keeps no connections, no cookies and no credentials, and asks no
// proxy that the environment names. Safe for concurrent use.
type Client struct {
	options Options
	http    *http.Client
	// What may be dialled, and at which ports; tests have no public address.
	mayDial func(address string) error
	mayPort func(port uint16) bool
}

// New returns a client.
func New(o Options) *Client {
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	c := &Client{options: o, mayPort: publicPort}
	c.mayDial = func(address string) error { return checkDialled(address, c.mayPort) }
	if o.AllowPrivate {
		c.mayDial = func(string) error { return nil }
		c.mayPort = func(uint16) bool { return true }
	}
	config := &tls.Config{}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	config.MinVersion = minTLSVersion
	c.http = &http.Client{
		CheckRedirect: c.redirect,
		Transport: &http.Transport{
			Proxy:                  nil, // HTTPS_PROXY would dial for us, and we would not see what
			DialContext:            c.dial,
			TLSClientConfig:        config,
			MaxResponseHeaderBytes: maxHeader,
			DisableKeepAlives:      true,
			DisableCompression:     true,
		},
	}
	return c
}

// dial connects to a host and port.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Resolver: c.options.Resolver, Control: c.control, Timeout: c.options.Idle}
	if c.private(address) {
		dialer.Control = nil
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil && (c.options.AllowPrivate || c.private(address)) {
		err = &Error{unreachedText, err}
	}
	return conn, err
}

// private reports whether a host with its port is one that may be at any address.
func (c *Client) private(hostPort string) bool {
	return slices.ContainsFunc(c.options.Private, func(p string) bool { return strings.EqualFold(p, hostPort) })
}

// control is called with the address that a connection is about to be made to, whatever
// name it was found by.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	return c.mayDial(address)
}

func (c *Client) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return failure(fmt.Sprintf("its host redirects more than %d times", maxRedirects))
	}
	r.Header.Del("Referer") // it may have a query that gives access
	return c.checkURL(r.URL)
}

// Get opens what is at a URL, whole and as it is. The body fails where it comes too
// slowly, and ends with ctx. Errors, of reading too, are [*Error].
func (c *Client) Get(ctx context.Context, text string) (io.ReadCloser, error) {
	u, err := c.parse(text)
	if err != nil {
		return nil, err
	}
	u.Fragment = ""
	watch, cancel := context.WithCancelCause(ctx)
	body := &body{ctx: watch, cancel: cancel, options: &c.options}
	body.idle = time.AfterFunc(c.options.Idle, func() { cancel(errIdle) })
	request, err := http.NewRequestWithContext(watch, http.MethodGet, u.String(), nil)
	if err != nil {
		body.Close()
		return nil, failure("its URL is malformed")
	}
	request.Header.Set("User-Agent", c.options.UserAgent)
	request.Header.Set("Accept-Encoding", "identity") // bytes are to have a digest
	response, err := c.http.Do(request)
	if err != nil {
		defer body.Close()
		return nil, failed(watch, err)
	}
	body.from = response.Body
	if err := checkAnswer(response); err != nil {
		body.Close()
		return nil, err
	}
	body.idle.Stop()
	return body, nil
}

func checkAnswer(r *http.Response) error {
	if r.StatusCode != http.StatusOK { // 206 is a part
		return failure(fmt.Sprintf("its host answered with status %d", r.StatusCode))
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return failure("its host sent it with another encoding than was asked for")
	}
	return nil
}
