package describe

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

func TestStreams(t *testing.T) {
	d := newDescriber(t)
	s := Streams{d}
	if s.Version() == 0 || s.Version() != (Streams{}).Version() {
		t.Errorf("the version is %d", s.Version())
	}
	b := sample(t, "wit-package")
	want := both(t, d, b)
	r := bytes.NewReader(b)
	if _, err := r.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	description, wit, err := s.Describe(t.Context(), r, int64(len(b)))
	if err != nil || !reflect.DeepEqual(description, want.Description) || !reflect.DeepEqual(wit, want.WIT) {
		t.Errorf("got %+v %+v, %v", description, wit, err)
	}
	if _, _, err := s.Describe(t.Context(), bytes.NewReader(b[:100]), int64(len(b))); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("content that is shorter than said: %v", err)
	}
	if _, wit, err := s.Describe(t.Context(), bytes.NewReader(nil), 0); err != nil || wit != nil {
		t.Errorf("no content: %v, %v", wit, err)
	}
}

// A read after one that failed begins where it should.
func TestSeeking(t *testing.T) {
	s := &seeking{r: bytes.NewReader([]byte("0123456789")), at: -1}
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

var errAny = errors.New("any error")
