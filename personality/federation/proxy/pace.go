package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
)

// paced makes requests whose answers end with [client.ErrIdle] where in a time [idle] that they
// are waited for less than leastBytes come, unless they end in it.
type paced struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	response, err := p.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	body := &pacedBody{ReadCloser: response.Body, ctx: ctx, cancel: cancel, left: idle}
	body.timer = time.AfterFunc(idle, func() { cancel(client.ErrIdle) })
	body.timer.Stop()
	response.Body = body
	return response, nil
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (p paced) CloseIdleConnections() { closeIdle(p.next) }

// pacedBody is the body of an answer. It belongs to one goroutine. Only the time in Read counts:
// who reads may be slow.
type pacedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	left   time.Duration // for the rest of the next leastBytes
	came   int           // of them
}

// Read implements [io.Reader].
func (b *pacedBody) Read(p []byte) (int, error) {
	began := time.Now()
	b.timer.Reset(b.left)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.left = max(b.left-time.Since(began), time.Nanosecond)
	if b.came += n; b.came >= leastBytes {
		b.left, b.came = idle, 0
	}
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), client.ErrIdle) {
		err = client.ErrIdle
	}
	return n, err
}

// Close implements [io.Closer].
func (b *pacedBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
