package limits

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/time/rate"
)

// withBody returns a copy of a request with another body. The server looks at the
// body of the request that it gave to decide whether the connection can be used
// again, so that one keeps its own.
func withBody(r *http.Request, body io.ReadCloser) *http.Request {
	inner := new(http.Request)
	*inner = *r
	inner.Body = body
	return inner
}

const (
	// maxDrain is how many bytes of a body, and drainTime how long, is read
	// before an answer that came without it: so much is cheaper than a new
	// connection.
	maxDrain  = 256 << 10
	drainTime = 2 * time.Second
	// maxLinger and lingerTime are the same after the answer.
	maxLinger  = 64 << 20
	lingerTime = 5 * time.Second
	// lingerRate is how many bytes a second are read after answers, of all clients
	// together: to take what nobody wants as fast as it comes would cost more than to
	// answer. Those who send more wait.
	lingerRate  = 64 << 20
	lingerChunk = 64 << 10
)

// WholeBodies lets handlers answer without having read the body of the request,
// and the client still get the answer (HTTP/1). A connection that is closed while
// bytes are unread is reset, which takes away answers that are on their way, and
// proxies that are still sending a body may drop an answer that comes too early.
// Therefore:
//
//   - What is left of a body, if it is not much, is read before the answer.
//   - If it is much, the answer comes at once, and says that the connection will
//     be closed. What comes is thrown away for a while, so that the client has
//     time to read the answer.
//   - A client that asked whether to send its body (Expect: 100-continue) has not
//     sent it. It gets the answer at once.
func WholeBodies(next http.Handler) http.Handler {
	lingering := rate.NewLimiter(lingerRate, lingerChunk)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		a := &earlyAnswer{ResponseWriter: w, control: http.NewResponseController(w), body: &watchedBody{ReadCloser: r.Body}, length: r.ContentLength,
			expects: r.Header.Get("Expect") != "", lingering: lingering}
		inner := withBody(r, a.body)
		next.ServeHTTP(a, inner)
		r.Pattern = inner.Pattern // for those around this handler
		a.finish()
	})
}

// watchedBody remembers how far a body was read.
type watchedBody struct {
	io.ReadCloser
	read   int64
	asked  bool  // it was read from
	failed error // what reading ended with
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.asked = true
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err != nil {
		b.failed = err
	}
	return n, err
}

// Close leaves the body open for the rest to be read; the server closes it.
func (b *watchedBody) Close() error { return nil }

// earlyAnswer is an answer that may come before its request is read.
type earlyAnswer struct {
	http.ResponseWriter
	control *http.ResponseController
	body    *watchedBody
	length  int64 // of the body; -1: unknown
	expects bool  // the client waits to be asked for the body
	begun   bool
	linger  bool // the body is still coming
	// lingering is how fast the rest of bodies is read.
	lingering *rate.Limiter
}

// WriteHeader implements [http.ResponseWriter].
func (a *earlyAnswer) WriteHeader(status int) {
	if status >= 200 {
		a.begin()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *earlyAnswer) Write(b []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(b)
}

// ReadFrom keeps the server's way of sending files without copying them.
func (a *earlyAnswer) ReadFrom(r io.Reader) (int64, error) {
	a.begin()
	return io.Copy(a.ResponseWriter, r)
}

// Unwrap is for [http.ResponseController].
func (a *earlyAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// begin sees to what is left of the body, before the answer.
func (a *earlyAnswer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	if a.body.failed == io.EOF {
		return
	}
	if a.expects && !a.body.asked { // the server closes the connection by itself
		a.Header().Set("Connection", "close")
		return
	}
	if a.body.failed == nil && a.length-a.body.read <= maxDrain {
		a.discard(maxDrain, drainTime)
		if a.body.failed == io.EOF {
			return
		}
	}
	a.Header().Set("Connection", "close")
	a.linger = a.coming()
}

// coming reports whether more of the body may come.
func (a *earlyAnswer) coming() bool {
	return a.body.failed == nil || errors.Is(a.body.failed, os.ErrDeadlineExceeded)
}

// finish makes sure that the client has the answer, whatever it still sends.
func (a *earlyAnswer) finish() {
	a.begin()
	if a.linger && a.control.Flush() == nil {
		a.discardSlowly()
	}
	if a.body.failed != io.EOF {
		a.control.SetReadDeadline(time.Unix(1, 0)) // the server is not to wait for more
	}
}

// discard throws away so many bytes of the body, for at most some time.
func (a *earlyAnswer) discard(bytes int64, most time.Duration) {
	a.control.SetReadDeadline(time.Now().Add(most))
	io.CopyN(io.Discard, a.body, bytes+1)
	a.control.SetReadDeadline(time.Time{})
}

// discardSlowly throws away what comes after the answer.
func (a *earlyAnswer) discardSlowly() {
	ctx, cancel := context.WithTimeout(context.Background(), lingerTime)
	defer cancel()
	for left := int64(maxLinger); left > 0 && a.lingering.WaitN(ctx, lingerChunk) == nil; left -= lingerChunk {
		deadline, _ := ctx.Deadline()
		a.control.SetReadDeadline(deadline)
		if _, err := io.CopyN(io.Discard, a.body, lingerChunk); err != nil {
			break
		}
	}
	a.control.SetReadDeadline(time.Time{})
}
