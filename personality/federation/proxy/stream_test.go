package proxy

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// slowBody gives so many bytes of a content at a time, each time after a pause.
type slowBody struct {
	ctx   context.Context
	text  []byte
	step  int
	pause time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(b.pause):
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
	n := copy(p, b.text[:min(b.step, len(b.text))])
	if b.text = b.text[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *slowBody) Close() error { return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A content may be slow, and its reader slower. One that trickles ends, though it never is silent.
func TestSlowContent(t *testing.T) {
	text := make([]byte, 64<<10)
	for name, c := range map[string]struct {
		step           int
		pause, reading time.Duration
		text           []byte
		ends           bool
	}{
		"a trickle":     {step: 1, pause: time.Second, text: text, ends: true},
		"silence":       {step: 1, pause: time.Minute, text: text, ends: true},
		"slow":          {step: 1 << 10, pause: 5 * time.Second, text: text},
		"a slow reader": {step: 1 << 10, pause: time.Second, reading: time.Minute, text: text},
		"a short one":   {step: 1, pause: time.Second, text: []byte("short")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				from := roundTrip(func(r *http.Request) (*http.Response, error) {
					return &http.Response{Body: &slowBody{r.Context(), c.text, c.step, c.pause}}, nil
				})
				response, err := paced{from}.RoundTrip(new(http.Request).WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				s := &stream{
					p: &Proxy{domain: "other.example"}, ctx: ctx, cancel: cancel, digest: protocol.HashOf(c.text), place: new(url.URL),
					body: response.Body, size: int64(len(c.text)), hash: sha256.New(),
				}
				s.left = func() {}
				defer s.Close()
				for buffer := make([]byte, 4<<10); err == nil; time.Sleep(c.reading) {
					_, err = s.Read(buffer)
				}
				var away *registry.UnavailableError
				if c.ends != errors.As(err, &away) || !c.ends && err != io.EOF {
					t.Errorf("after %d bytes of %d: %v", s.came, s.size, err)
				}
			})
		})
	}
}

// The pace is that of all answers, not of content alone.
func TestAnswersArePaced(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	c, err := NewHTTPClient(federation.Registry{URL: server.URL, AllowPrivate: true}, "warg-test", func(*http.Response, error) {})
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, ok := response.Body.(*pacedBody); !ok {
		t.Errorf("the body is %T", response.Body)
	}
}
