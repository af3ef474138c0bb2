package client

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Defaults of [Options].
const (
	DefaultUserAgent        = "warg-go-client"
	DefaultMaxWait          = 30 * time.Second
	DefaultMaxIdle          = time.Minute
	DefaultMaxAnswer  int64 = 32 << 20 // bytes; a page of records has some 10 MiB at most
	DefaultMaxContent int64 = 1 << 30  // bytes
)

// Options of [New]. The zero value is usable.
type Options struct {
	// HTTPClient makes the requests; nil: [http.DefaultClient]. Calls end with
	// their contexts.
	HTTPClient *http.Client
	// Token is a bearer token for a private registry. It is sent to the
	// registry's own scheme, host and port and to no other.
	Token string
	// UserAgent is sent with each request; "": DefaultUserAgent.
	UserAgent string

	// OperatorKey is the key that the registry's operator log must begin with.
	// Keys that it grants later are for the log to say. The zero value trusts
	// the log that is met first, and from then on only what continues it.
	OperatorKey protocol.PublicKey
	// Store remembers what was verified; nil: a [MemoryStore] of this client.
	// One store is for one registry.
	Store Store
	// MaxCheckpointAge refuses checkpoints that were signed longer ago; 0: any
	// age. A registry that signs its last checkpoint again while it is idle can
	// be held to it; mind the clocks of both.
	MaxCheckpointAge time.Duration
	// Witnesses demands that the heads of all logs that are read are in a tree head of
	// the registry's records log that a quorum of the policy has cosigned, and with which
	// the checkpoint is consistent. The policy names the log and its key. A registry
	// has this a while after a checkpoint: a call waits for it as long as MaxWait
	// says. With MaxCheckpointAge, the quorum must be as young, too. nil: nobody must.
	Witnesses *witness.Policy
	// WholeLogWitnessed demands that of all of a checkpoint's log, and not only of the heads
	// that are read: for who goes on with the checkpoint and reads the rest in another way.
	WholeLogWitnessed bool

	// MaxWait is how long one request may wait in all to be made again;
	// 0: DefaultMaxWait; negative: no request is made again.
	MaxWait time.Duration
	// MaxIdle is how long a request may wait for its answer to begin while nothing is sent,
	// and for each further 1024 bytes of it; 0: DefaultMaxIdle; negative: as long as ctx.
	MaxIdle time.Duration
	// MaxAnswer is the largest JSON answer read, in bytes; 0: DefaultMaxAnswer.
	MaxAnswer int64
	// MaxContent is the largest content read, in bytes; 0: DefaultMaxContent.
	MaxContent int64

	// Now is the clock, for the times of records and the age of checkpoints;
	// nil: [time.Now].
	Now func() time.Time
}

// Client is a client of one registry. It may be used by several goroutines.
type Client struct {
	base    *url.URL // ends with a slash
	options Options  // with defaults
	http    *http.Client
}

// New returns a client of the registry whose API is at baseURL, such as
// "https://registry.example.com". It makes no request.
func New(baseURL string, o Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	switch {
	case err != nil: // its text may have a password
		return nil, errors.New("the registry's URL can not be read; give one such as https://registry.example.com")
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("the registry's URL %q needs the scheme http or https and a host, such as https://registry.example.com", base.Redacted())
	case base.User != nil:
		return nil, fmt.Errorf("the registry's URL %q must not have a user; give a token beside it", base.Redacted())
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("the registry's URL %q must not have a query or fragment", base.Redacted())
	}
	base = base.JoinPath("/")
	if o.HTTPClient == nil {
		o.HTTPClient = http.DefaultClient
	}
	if o.Store == nil {
		o.Store = new(MemoryStore)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.UserAgent = cmp.Or(o.UserAgent, DefaultUserAgent)
	o.MaxWait = cmp.Or(o.MaxWait, DefaultMaxWait)
	o.MaxIdle = cmp.Or(o.MaxIdle, DefaultMaxIdle)
	o.MaxAnswer = cmp.Or(o.MaxAnswer, DefaultMaxAnswer)
	o.MaxContent = cmp.Or(o.MaxContent, DefaultMaxContent)
	c := &Client{base: base, options: o}
	c.http = c.guarded(o.HTTPClient)
	return c, nil
}

// URL returns the registry's URL, with a slash at the end.
func (c *Client) URL() string { return c.base.String() }
