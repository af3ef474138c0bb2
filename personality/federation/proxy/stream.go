package proxy

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// stream is a content on its way. All but its last byte can be read as it comes; that one is
// given when the content has ended and has its digest, so that nobody takes another one for
// it. It belongs to one goroutine.
type stream struct {
	p      *Proxy
	ctx    context.Context
	cancel context.CancelFunc
	digest protocol.Hash
	place  *url.URL
	body   io.ReadCloser
	hash   hash.Hash
	size   int64
	came   int64  // bytes
	at     int64  // where the next Read is to be
	err    error  // of all further reads
	left   func() // gives the turn back
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
		err = s.p.judge(s.ctx, err)
	}
	s.err = err
	return n, err
}

// readFrom reads what comes. Its pace is seen to: see [paced].
func (s *stream) readFrom(b []byte) (int, error) {
	n, err := s.body.Read(b)
	s.hash.Write(b[:n])
	s.came += int64(n)
	switch {
	case err == nil || err == io.EOF && s.came >= s.size-1 && n > 0:
		return n, nil
	case err == io.EOF:
		return n, s.wrong(fmt.Errorf("it ends after %d bytes of %d", s.came, s.size))
	}
	return n, &client.TransportError{Method: http.MethodGet, URL: redacted(s.place), Err: err}
}

// readEnd reads the last byte, and demands that it is the last, and that the digest is right.
func (s *stream) readEnd(b []byte) (int, error) {
	var last [2]byte
	want := int(s.size - s.came)
	n := 0
	for n <= want {
		more, err := s.body.Read(last[n : want+1])
		n += more
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, &client.TransportError{Method: http.MethodGet, URL: redacted(s.place), Err: err}
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
	err := s.body.Close()
	s.cancel()
	s.left()
	return err
}
