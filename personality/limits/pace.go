package limits

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Pace is how slow a client may be in sending a body and in reading an answer.
// A client has Grace to begin with; time that the server waits for it is taken
// from that, and each byte gives it back at the rate of PerSecond, up to Grace.
// So a client that is slower than the rate is cut off before long, a pause of
// less than Grace is fine, and the size of what is transferred does not matter.
// Time in which the server is busy does not count.
type Pace struct {
	PerSecond int64         // bytes per second; zero: no limit
	Grace     time.Duration // above zero
}

// Handler cuts off the clients of next that are slower than the pace. Reading
// their body fails with a [*Refusal]; writing to them fails.
func (p Pace) Handler(next http.Handler) http.Handler {
	if p.PerSecond <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.ProtoMajor == 1 {
			// The deadline of the answer before this one still stands. With
			// HTTP/2 there is none yet, and one would end a long upload.
			control.SetWriteDeadline(time.Now().Add(p.Grace))
		}
		if r.Body != nil && r.Body != http.NoBody {
			body := &pacedBody{ReadCloser: r.Body, control: control, slack: slack{p, p.Grace}}
			outer := r
			r = withBody(outer, body)
			defer func() { outer.Pattern = r.Pattern }() // for those around this handler
			defer body.end()
		}
		answer := &pacedWriter{ResponseWriter: w, control: control, slack: slack{p, p.Grace}}
		defer answer.begin(0) // the server sends the end of it
		next.ServeHTTP(answer, r)
	})
}

// slack is what is left of a client's grace.
type slack struct {
	Pace
	left time.Duration
}

func (p *slack) worth(bytes int64) time.Duration {
	return time.Duration(float64(bytes) / float64(p.PerSecond) * float64(time.Second))
}

// spend takes the time since start, and gives what the bytes are worth.
func (p *slack) spend(start time.Time, bytes int64) {
	p.left = min(p.Grace, p.left-time.Since(start)+p.worth(bytes))
}

type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	slack
	done bool // nothing more will come
}

func (b *pacedBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.control.SetReadDeadline(start.Add(b.left))
	n, err := b.ReadCloser.Read(p)
	b.spend(start, int64(n))
	// A deadline that ran out while the server is busy would end an HTTP/2
	// stream, and look like a client that is gone.
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		b.control.SetReadDeadline(time.Time{})
		b.done = b.done || err != nil
		return n, err
	}
	b.done = true
	return n, &Refusal{Status: http.StatusRequestTimeout, Message: "the request body came too slowly"}
}

// end bounds how long the server reads the rest of a body that nobody wanted.
func (b *pacedBody) end() {
	if !b.done {
		b.control.SetReadDeadline(time.Now().Add(b.Grace))
	}
}

// pacedChunk is how many bytes are handed to the network at a time.
const pacedChunk = 256 << 10

type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	slack
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	written := 0
	for {
		chunk := b[written:min(len(b), written+pacedChunk)]
		start := w.begin(int64(len(chunk)))
		n, err := w.ResponseWriter.Write(chunk)
		w.spend(start, int64(n))
		if written += n; err != nil || written == len(b) {
			return written, err
		}
	}
}

// ReadFrom keeps the server's way of sending files without copying them.
func (w *pacedWriter) ReadFrom(r io.Reader) (written int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	for limited.N > 0 {
		size := min(limited.N, pacedChunk)
		start := w.begin(size)
		n, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: limited.R, N: size})
		w.spend(start, n)
		written, limited.N = written+n, limited.N-n
		if err != nil || n < size {
			return written, err
		}
	}
	return written, nil
}

// begin gives the client the time that taking some bytes may last.
func (w *pacedWriter) begin(bytes int64) time.Time {
	start := time.Now()
	w.control.SetWriteDeadline(start.Add(w.left + w.worth(bytes)))
	return start
}

// Unwrap is for [http.ResponseController].
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
