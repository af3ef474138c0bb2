package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// How often a request that got no answer is made again, and how long it may wait in
// all.
const (
	maxTries   = 4
	firstPause = 100 * time.Millisecond // doubled each time
	maxWait    = 30 * time.Second       // longest Retry-After that is waited for
)

// HTTPOptions are the settings of [NewHTTP]. The zero value is usable.
type HTTPOptions struct {
	// Client makes the requests; nil: [http.DefaultClient].
	Client *http.Client
	// Token is a bearer token for a private registry; "": none. It is sent to no other
	// host.
	Token string
	// UserAgent is sent with each request; "": "warg-mirror".
	UserAgent string
	// Timeout bounds each request of Read, answer included; 0: a minute.
	Timeout time.Duration
}

// HTTP reads files of a registry, or of a file server over an export. A request that
// gets no answer is made again up to three times, one that gets the status 429 or 503
// too, after the time that a Retry-After header gives.
type HTTP struct {
	base    *url.URL // ends with a slash
	options HTTPOptions
}

// NewHTTP returns a reader of the files below a URL. It makes no request.
func NewHTTP(baseURL string, o HTTPOptions) (*HTTP, error) {
	base, err := url.Parse(baseURL)
	if err != nil { // its text may have a password
		return nil, errors.New("the registry's URL can not be read; give one such as https://registry.example.com")
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("the registry's URL %q is not one such as https://registry.example.com, without user and query", base.Redacted())
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.UserAgent == "" {
		o.UserAgent = "warg-mirror"
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	return &HTTP{base: base.JoinPath("/"), options: o}, nil
}

// StatusError is an answer with a status that is neither success nor 404 or 410.
type StatusError struct {
	URL        string
	Status     int
	retryAfter time.Duration
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("GET %s: status %d %s", e.URL, e.Status, http.StatusText(e.Status))
}

// Read implements [Reader].
func (h *HTTP) Read(ctx context.Context, path string, limit int64) (data []byte, err error) {
	err = h.retry(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, h.options.Timeout)
		defer cancel()
		body, err := h.get(ctx, path)
		if err != nil {
			return err
		}
		defer body.Close()
		data, err = readBounded(body, path, limit)
		return err
	})
	return data, err
}

// Open implements [Opener]. The caller's context bounds how long reading may take.
func (h *HTTP) Open(ctx context.Context, path string) (body io.ReadCloser, err error) {
	err = h.retry(ctx, func() error {
		body, err = h.get(ctx, path)
		return err
	})
	return body, err
}

func (h *HTTP) get(ctx context.Context, path string) (io.ReadCloser, error) {
	target := h.base.JoinPath(path).String()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", h.options.UserAgent)
	if h.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+h.options.Token)
	}
	response, err := h.options.Client.Do(request)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return response.Body, nil
	case http.StatusNotFound, http.StatusGone:
		err = fmt.Errorf("GET %s: status %d: %w", target, response.StatusCode, fs.ErrNotExist)
	default:
		err = &StatusError{URL: target, Status: response.StatusCode, retryAfter: retryAfter(response.Header.Get("Retry-After"))}
	}
	response.Body.Close()
	return nil, err
}

func (h *HTTP) retry(ctx context.Context, try func() error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == maxTries || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTooLarge) {
			return err
		}
		wait := pause
		pause *= 2
		var refused *StatusError
		if errors.As(err, &refused) {
			if refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusServiceUnavailable {
				return err
			}
			if wait = max(wait, refused.retryAfter); wait > maxWait {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// retryAfter reads the seconds of a header Retry-After; 0 if it has none.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 20)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
