package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// HTTPOptions of [NewHTTPSource].
type HTTPOptions struct {
	// Client makes the requests; nil: one that waits HeaderTimeout for the head of an
	// answer.
	Client *http.Client
	// HeaderTimeout is for the head of an answer; 0: 30 seconds.
	HeaderTimeout time.Duration
	// LowestRate is at which the body of an answer must come at least, in bytes a second,
	// as a mean over RateWindow: a registry may answer slowly for ever. 0: 1024, over 30
	// seconds. A shorter rest may come more slowly, within RateWindow.
	LowestRate int64
	RateWindow time.Duration
	// Token is a bearer token for a private registry. It is sent to the registry's own
	// scheme, host and port and to no other.
	Token string
	// UserAgent is sent with each request; "": "warg-auditor".
	UserAgent string
	// Timeout is for one request with all of its answer; 0: 2 minutes. Content has ten
	// times as long.
	Timeout time.Duration
	// MaxWait is for how long one request is made again and again in all, what was waited
	// for its answers included; 0: 20 seconds.
	MaxWait time.Duration
	// Pause waits; nil: a timer.
	Pause func(ctx context.Context, d time.Duration) error
}

// errNoLink says that a registry gave a link that can not be followed.
var errNoLink = errors.New("the registry gave a link that can not be followed")

// HTTPSource is a registry, or a file server with its files, at a URL.
type HTTPSource struct {
	base    *url.URL // ends with a slash
	options HTTPOptions
}

// NewHTTPSource returns the source at a URL such as "https://registry.example.com". It
// makes no request.
func NewHTTPSource(base string, o HTTPOptions) (*HTTPSource, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of a registry needs the scheme http or https and a host, and no user, query or fragment, such as https://registry.example.com")
	}
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, 30*time.Second)
	o.LowestRate = cmp.Or(o.LowestRate, 1024)
	o.RateWindow = cmp.Or(o.RateWindow, 30*time.Second)
	if o.Client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = o.HeaderTimeout
		transport.MaxIdleConnsPerHost = 8
		o.Client = &http.Client{Transport: transport}
	}
	o.UserAgent = cmp.Or(o.UserAgent, "warg-auditor")
	o.Timeout = cmp.Or(o.Timeout, 2*time.Minute)
	o.MaxWait = cmp.Or(o.MaxWait, 20*time.Second)
	if o.Pause == nil {
		o.Pause = pause
	}
	return &HTTPSource{base: u.JoinPath("/"), options: o}, nil
}

// String returns the URL.
func (s *HTTPSource) String() string { return s.base.String() }

// Open implements [Source].
func (s *HTTPSource) Open(ctx context.Context, r Request) (int, io.ReadCloser, error) {
	relative, err := url.Parse(r.Path)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w: it can not be read", ErrNoAnswer, errNoLink)
	}
	target := s.base.ResolveReference(relative)
	if target.Scheme != "http" && target.Scheme != "https" {
		return 0, nil, fmt.Errorf("%w: %w: it has the scheme %q", ErrNoAnswer, errNoLink, target.Scheme)
	}
	timeout := s.options.Timeout
	if relative.IsAbs() || strings.HasPrefix(r.Path, "content/") {
		timeout *= 10
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	var waited time.Duration
	for attempt := 0; ; attempt++ {
		begun := time.Now()
		status, body, after, err := s.once(ctx, r, target)
		if err == nil && after < 0 {
			least := int64(s.options.RateWindow.Seconds() * float64(s.options.LowestRate))
			return status, pace(body, cancel, max(least, 1), s.options.RateWindow), nil
		}
		if after < 0 {
			after = 100 * time.Millisecond << attempt
		}
		if waited += time.Since(begun) + after; attempt >= 4 || waited > s.options.MaxWait || ctx.Err() != nil {
			err = errors.Join(err, ctx.Err())
			cancel()
			return 0, nil, err
		}
		if s.options.Pause(ctx, after) != nil {
			err = errors.Join(err, ctx.Err())
			cancel()
			return 0, nil, err
		}
	}
}

// once makes a request once. after is when to make it again, with err the reason if it
// is not made any more; negative if there is an answer, or none and no wish.
func (s *HTTPSource) once(ctx context.Context, r Request, target *url.URL) (status int, body io.ReadCloser, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(r.Body))
	if err != nil {
		return 0, nil, -1, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	request.Header.Set("User-Agent", s.options.UserAgent)
	if r.Method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.Fresh {
		request.Header.Set("Cache-Control", "no-cache")
	}
	if s.options.Token != "" && target.Scheme == s.base.Scheme && strings.EqualFold(target.Host, s.base.Host) {
		request.Header.Set("Authorization", "Bearer "+s.options.Token)
	}
	response, err := s.options.Client.Do(request)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // without the URL: its query may hold the signature of a link
		}
		return 0, nil, -1, fmt.Errorf("%w: %s %s: %w", ErrNoAnswer, r.Method, bare(target), err)
	}
	later := response.StatusCode == http.StatusTooManyRequests || response.StatusCode/100 == 5 && response.StatusCode != http.StatusNotImplemented
	if !later {
		return response.StatusCode, response.Body, -1, nil
	}
	response.Body.Close()
	err = fmt.Errorf("%w: %s %s: status %d", ErrNoAnswer, r.Method, bare(target), response.StatusCode)
	seconds, bad := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 16)
	if bad != nil {
		return 0, nil, -1, err
	}
	return 0, nil, max(time.Duration(seconds)*time.Second, 100*time.Millisecond), err
}

func bare(u *url.URL) string {
	c := *u
	c.RawQuery, c.User, c.Fragment = "", nil, ""
	return c.String()
}
