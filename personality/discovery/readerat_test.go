package discovery

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// A read after one that failed begins where it should.
func TestSeeking(t *testing.T) {
	errAny := errors.New("any error")
	s := &seeking{content: bytes.NewReader([]byte("0123456789")), at: -1}
	for _, test := range []struct {
		offset, length int64
		want           string
		err            error
	}{{2, 3, "234", nil}, {5, 2, "56", nil}, {8, 4, "89", io.EOF}, {0, 2, "01", nil}, {10, 1, "", io.EOF}, {-1, 1, "", errAny}, {3, 1, "3", nil}} {
		p := make([]byte, test.length)
		n, err := s.ReadAt(p, test.offset)
		if string(p[:n]) != test.want || (test.err == errAny && err == nil) || (test.err != errAny && !errors.Is(err, test.err)) {
			t.Errorf("%d bytes at %d: %q, %v", test.length, test.offset, p[:n], err)
		}
	}
}
