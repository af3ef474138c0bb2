// Package progress shows on a terminal how far transfers have come that take longer than
// a second.
package progress

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	patience = time.Second            // before anything is shown
	refresh  = 100 * time.Millisecond // how often the line is written anew
	barWidth = 30                     // characters
)

// Transport is an [http.RoundTripper] that shows the bodies that go either way, in one
// line that is written anew, and removed in the end. Of several transfers at a time the
// one that moved last is shown.
type Transport struct {
	base http.RoundTripper
	now  func() time.Time

	mu    sync.Mutex
	w     io.Writer // under mu
	width int       // of the line that stands there; under mu
	last  time.Time // when it was written; under mu
}

// New returns a transport that shows progress on w, a terminal.
func New(base http.RoundTripper, w io.Writer) *Transport {
	return &Transport{base: base, now: time.Now, w: w}
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.Body != http.NoBody {
		shown := request.Clone(request.Context())
		shown.Body = t.body(request.Body, "sent", request.ContentLength)
		request = shown
	}
	response, err := t.base.RoundTrip(request)
	if err == nil {
		response.Body = t.body(response.Body, "received", response.ContentLength)
	}
	return response, err
}

func (t *Transport) body(base io.ReadCloser, doing string, of int64) io.ReadCloser {
	return &body{ReadCloser: base, transport: t, doing: doing, of: of, began: t.now()}
}

// body is a body that is shown while it is read.
type body struct {
	io.ReadCloser
	transport *Transport
	doing     string
	of        int64 // bytes; -1 if that is not known
	done      int64
	began     time.Time
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.done += int64(n)
	if err != nil {
		b.transport.clear()
	} else {
		b.transport.show(b)
	}
	return n, err
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.transport.clear()
	return b.ReadCloser.Close()
}

func (t *Transport) show(b *body) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(b.began) < patience || now.Sub(t.last) < refresh {
		return
	}
	t.last = now
	line := bar(b.doing, b.done, b.of, now.Sub(b.began))
	fmt.Fprintf(t.w, "\r%-*s", t.width, line)
	t.width = len(line)
}

// clear removes the line.
func (t *Transport) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.width > 0 {
		fmt.Fprintf(t.w, "\r%-*s\r", t.width, "")
		t.width = 0
	}
}

// bar is the line: a bar if the size is known, the bytes, and the bytes a second.
func bar(doing string, done, of int64, took time.Duration) string {
	const mega = 1 << 20
	rate := float64(done) / took.Seconds() / mega
	if of <= 0 {
		return fmt.Sprintf("%s %.1f MiB, %.1f MiB/s", doing, float64(done)/mega, rate)
	}
	full := int(min(done, of) * barWidth / of)
	return fmt.Sprintf("[%s%s] %s %.1f of %.1f MiB, %.1f MiB/s",
		strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), doing, float64(done)/mega, float64(of)/mega, rate)
}
