package audit

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// pacedBody is the body of an answer that must come at a lowest rate: one that does not
// is cut off, and its reader told why.
type pacedBody struct {
	io.ReadCloser
	cancel  context.CancelFunc // ends the request
	least   int64              // bytes in each window
	window  time.Duration
	mu      sync.Mutex
	came    int64       // in this window; under mu
	tooSlow bool        // under mu
	timer   *time.Timer // of the window; under mu, nil once the body is closed
}

// pace returns a body that ends with an error when fewer than least bytes come in a
// window of time.
func pace(body io.ReadCloser, cancel context.CancelFunc, least int64, window time.Duration) *pacedBody {
	b := &pacedBody{ReadCloser: body, cancel: cancel, least: least, window: window}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(window, b.look)
	return b
}

// look ends the request if too little came in the window, or begins the next one.
func (b *pacedBody) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.timer == nil:
	case b.came < b.least:
		b.tooSlow = true
		b.cancel()
	default:
		b.came = 0
		b.timer.Reset(b.window)
	}
}

// Read implements [io.Reader].
func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came += int64(n)
	if err != nil && err != io.EOF && b.tooSlow {
		err = fmt.Errorf("it came too slowly: less than %d bytes in %v", b.least, b.window)
	}
	return n, err
}

// Close implements [io.Closer].
func (b *pacedBody) Close() error {
	b.mu.Lock()
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.mu.Unlock()
	defer b.cancel()
	return b.ReadCloser.Close()
}
