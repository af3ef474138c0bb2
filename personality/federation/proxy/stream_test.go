package proxy

import (
	"context"
	"errors"
	"io"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/client"
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
				ctx, cancel := context.WithCancelCause(t.Context())
				timer := time.AfterFunc(idle, func() { cancel(client.ErrIdle) })
				timer.Stop()
				body := &slowBody{ctx, c.text, c.step, c.pause}
				s := newStream(ctx, &Proxy{domain: "other.example"}, protocol.HashOf(c.text), new(url.URL), body, int64(len(c.text)), timer, cancel)
				s.left = func() {}
				defer s.Close()
				var err error
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
