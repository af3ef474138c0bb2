package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// leastBytes is how many bytes of an answer must come in each [Options.MaxIdle], unless
// it ends in it.
const leastBytes = 1 << 10

// ErrIdle is for requests to which a registry did not answer in [Options.MaxIdle], or
// answered too slowly. They are not made again.
var ErrIdle = errors.New("no answer came in time, or too little of it")

// do makes a request once, which ends with ErrIdle if nothing comes. The body of the
// answer must be closed.
func (c *Client) do(request *http.Request) (*http.Response, error) {
	if err := c.checkPlace(request.URL); err != nil {
		return nil, err
	}
	limit := c.options.MaxIdle
	if limit < 0 {
		return c.http.Do(request)
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	head := &deadline{limit: limit, timer: time.AfterFunc(limit, func() { cancel(ErrIdle) })}
	watched := request.WithContext(ctx)
	if request.Body != nil && request.Body != http.NoBody {
		watched.Body = sentBody{request.Body, head}
	}
	if open := request.GetBody; open != nil {
		watched.GetBody = func() (io.ReadCloser, error) {
			body, err := open()
			if err != nil || body == http.NoBody {
				return body, err
			}
			return sentBody{body, head}, nil
		}
	}
	response, err := c.http.Do(watched)
	head.end()
	if err != nil {
		err = idleError(ctx, err)
		cancel(nil)
		return nil, err
	}
	body := &watchedBody{ReadCloser: response.Body, ctx: ctx, cancel: cancel, limit: limit, left: limit}
	body.timer = time.AfterFunc(limit, func() { cancel(ErrIdle) })
	body.timer.Stop()
	response.Body = body
	return response, nil
}

func idleError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrIdle) {
		return ErrIdle
	}
	return err
}

// deadline is when an answer must begin. What is sent puts it off.
type deadline struct {
	limit time.Duration
	mu    sync.Mutex
	timer *time.Timer // nil when it does not matter any more; under mu
}

func (d *deadline) putOff() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Reset(d.limit)
	}
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Stop()
	d.timer = nil
}

// sentBody is a body that is sent.
type sentBody struct {
	io.ReadCloser
	head *deadline
}

func (b sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.head.putOff()
	}
	return n, err
}

// watchedBody is the body of an answer. Only the time in Read counts: who reads may be
// slow.
type watchedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	left   time.Duration // for the next leastBytes
	came   int           // of them
}

func (b *watchedBody) Read(p []byte) (int, error) {
	began := time.Now()
	b.timer.Reset(b.left)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.left = max(b.left-time.Since(began), time.Nanosecond)
	if b.came += n; b.came >= leastBytes {
		b.left, b.came = b.limit, 0
	}
	if err != nil && err != io.EOF {
		err = idleError(b.ctx, err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
