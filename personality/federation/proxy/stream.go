package proxy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// stream is a content on its way. All but its last byte can be read as it comes; that one is
// given when the content has ended and has its digest, so that nobody takes another one for
// it. It belongs to one goroutine.
type stream struct {
	p      *Proxy
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	digest protocol.Hash
	place  *url.URL
	body   io.ReadCloser
	hash   hash.Hash
	size   int64
	came   int64  // bytes
	at     int64  // where the next Read is to be
	err    error  // of all further reads
	left   func() // gives the turn back

	patience time.Duration // for the rest of the next leastBytes
	some     int           // of them that came
}

func newStream(ctx context.Context, p *Proxy, digest protocol.Hash, place *url.URL, body io.ReadCloser, size int64, timer *time.Timer, cancel context.CancelCauseFunc) *stream {
	return &stream{p: p, ctx: ctx, cancel: cancel, timer: timer, digest: digest, place: place, body: body, size: size, hash: sha256.New(), patience: idle}
}

// Seek goes to the beginning or the end, as far as nothing was read.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	switch {
	case offset == 0 && whence == io.SeekStart && s.came == 0:
		s.at = 0
	case offset == 0 && whence == io.SeekEnd:
		s.at = s.size
	default:
		return 0, errors.New("a content on its way can be read from its beginning alone")
	}
	return s.at, nil
}

// Read implements [io.Reader].
func (s *stream) Read(b []byte) (n int, err error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.at == s.size && s.came != s.size: // the end was sought
		return 0, io.EOF
	case len(b) == 0:
		return 0, nil
	case s.came >= s.size-1:
		n, err = s.readEnd(b)
	default:
		n, err = s.readFrom(b[:min(int64(len(b)), s.size-1-s.came)])
	}
	s.at += int64(n)
	if err != nil && err != io.EOF {
		ctx := s.ctx
		if errors.Is(context.Cause(ctx), client.ErrIdle) {
			ctx = context.WithoutCancel(ctx) // it was ended here: whoever asked is not gone
		}
		err = s.p.judge(ctx, err)
	}
	s.err = err
	return n, err
}

// readFrom reads what comes, within the time that it may take.
func (s *stream) readFrom(b []byte) (int, error) {
	n, err := s.next(b)
	s.hash.Write(b[:n])
	s.came += int64(n)
	switch {
	case err == nil || err == io.EOF && s.came >= s.size-1 && n > 0:
		return n, nil
	case err == io.EOF:
		return n, s.wrong(fmt.Errorf("it ends after %d bytes of %d", s.came, s.size))
	}
	return n, &client.TransportError{Method: http.MethodGet, URL: redacted(s.place), Err: cause(s.ctx, err)}
}

// next reads from the body. In each time [idle] that it is waited for, leastBytes have to come,
// or the end: a trickle would keep its place for days.
func (s *stream) next(b []byte) (int, error) {
	began := time.Now()
	s.timer.Reset(s.patience)
	n, err := s.body.Read(b)
	s.timer.Stop()
	s.patience = max(s.patience-time.Since(began), time.Nanosecond)
	if s.some += n; s.some >= leastBytes {
		s.patience, s.some = idle, 0
	}
	return n, err
}

// readEnd reads the last byte, and demands that it is the last, and that the digest is right.
func (s *stream) readEnd(b []byte) (int, error) {
	var last [2]byte
	want := int(s.size - s.came)
	n := 0
	for n <= want {
		more, err := s.next(last[n : want+1])
		n += more
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, &client.TransportError{Method: http.MethodGet, URL: redacted(s.place), Err: cause(s.ctx, err)}
		}
	}
	s.hash.Write(last[:n])
	if n != want {
		return 0, s.wrong(fmt.Errorf("it does not have the %d bytes that it is said to have", s.size))
	}
	if got := protocol.Hash(s.hash.Sum(nil)); got != s.digest {
		return 0, s.wrong(fmt.Errorf("it has digest %s", got))
	}
	s.came += int64(n)
	return copy(b, last[:n]), io.EOF
}

func (s *stream) wrong(err error) error {
	return s.p.unproven(client.ClaimContent, fmt.Errorf("what %s gives for content %s is another: %w", redacted(s.place), s.digest, err))
}

// Close implements [io.Closer].
func (s *stream) Close() error {
	s.timer.Stop()
	err := s.body.Close()
	s.cancel(nil)
	s.left()
	return err
}
