// Package contenttest is what holds of every content store, run on each of them.
package contenttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MaxSize is the size of the largest content that the stores of a [Place] take.
const MaxSize = 1 << 20

// Place is where stores are, one for each test.
type Place interface {
	// Open opens a store there; again, as another process would.
	Open(t *testing.T) content.Store
	// Age makes all that is there look a day old.
	Age(t *testing.T)
}

// Run tests the stores at places that are made anew.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for name, test := range map[string]func(*testing.T, Place){
		"put and open": testPutAndOpen, "refusals": testRefusals, "at once": testAtOnce,
		"collect": testCollect, "named late": testNamedLate,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

// Put stores data, and returns its digest.
func Put(t *testing.T, s content.Store, data string) protocol.Hash {
	t.Helper()
	digest := protocol.HashOf([]byte(data))
	if size, err := s.Put(t.Context(), digest, strings.NewReader(data), nil); err != nil || size != int64(len(data)) {
		t.Fatalf("Put: %d, %v", size, err)
	}
	return digest
}

// Has reports whether content is there, and whether it is found as Open, Has and Hold
// say.
func Has(t *testing.T, s content.Store, digest protocol.Hash) bool {
	t.Helper()
	has, err := s.Has(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Open(t.Context(), digest)
	if err == nil {
		c.Close()
	}
	if has != (err == nil) || !has && !errors.Is(err, content.ErrNotFound) {
		t.Errorf("Has says %v, and Open %v", has, err)
	}
	return has
}

// Read reads all of a content.
func Read(t *testing.T, s content.Store, digest protocol.Hash) ([]byte, error) {
	t.Helper()
	c, err := s.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return io.ReadAll(c)
}

func testPutAndOpen(t *testing.T, p Place) {
	s, other := p.Open(t), p.Open(t)
	data := strings.Repeat("some content ", 50_000)
	digest := protocol.HashOf([]byte(data))
	if Has(t, s, digest) {
		t.Error("it is there before it was put")
	}
	if held, err := s.Hold(t.Context(), digest); held || err != nil {
		t.Errorf("Hold of what is not there: %v, %v", held, err)
	}
	check := func(_ context.Context, r io.ReaderAt, size int64) error {
		if seen, err := io.ReadAll(io.NewSectionReader(r, 0, size)); err != nil || string(seen) != data {
			t.Errorf("the check sees %d bytes, %v", len(seen), err)
		}
		if Has(t, other, digest) {
			t.Error("it is visible before its check")
		}
		return nil
	}
	if _, err := s.Put(t.Context(), digest, strings.NewReader(data), check); err != nil {
		t.Fatal(err)
	}
	if again := Put(t, other, data); again != digest || !Has(t, other, digest) || !Has(t, s, digest) {
		t.Error("it is not there for all")
	}
	if got, err := Read(t, other, digest); err != nil || string(got) != data {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	c, err := s.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Size() != int64(len(data)) || time.Since(c.ModTime()).Abs() > time.Hour {
		t.Errorf("size %d, time %v", c.Size(), c.ModTime())
	}
	for _, from := range []int64{int64(len(data)) - 5, 13, 20, 600_000} {
		part := make([]byte, 5)
		if at, err := c.Seek(from, io.SeekStart); at != from || err != nil {
			t.Errorf("Seek: %d, %v", at, err)
		}
		if _, err := io.ReadFull(c, part); err != nil || string(part) != data[from:from+5] {
			t.Errorf("read %q from %d, %v", part, from, err)
		}
	}
	if empty := Put(t, s, ""); !Has(t, s, empty) {
		t.Error("empty content is not there")
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
}

func testRefusals(t *testing.T, p Place) {
	s := p.Open(t)
	data := []byte("0123456789")
	digest := protocol.HashOf(data)
	broken := errors.New("the connection broke")
	for name, put := range map[string]func() error{
		"other bytes": func() error {
			_, err := s.Put(t.Context(), digest, strings.NewReader("others"), nil)
			return as[*content.MismatchError](err)
		},
		"too many bytes": func() error {
			_, err := s.Put(t.Context(), digest, bytes.NewReader(make([]byte, MaxSize+1)), nil)
			return as[*content.TooLargeError](err)
		},
		"a connection that breaks": func() error {
			_, err := s.Put(t.Context(), digest, io.MultiReader(bytes.NewReader(data), errReader{broken}), nil)
			if !errors.Is(err, broken) {
				return errors.Join(errors.New("another error"), err)
			}
			return nil
		},
		"the policy": func() error {
			_, err := s.Put(t.Context(), digest, bytes.NewReader(data), func(context.Context, io.ReaderAt, int64) error {
				return &content.RejectedError{Reason: "not today"}
			})
			return as[*content.RejectedError](err)
		},
	} {
		if err := put(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if Has(t, s, digest) {
			t.Errorf("%s: it is there", name)
		}
	}
	Put(t, s, string(data))
}

func as[E error](err error) error {
	var target E
	if !errors.As(err, &target) {
		return errors.Join(errors.New("another error"), err)
	}
	return nil
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// Two processes put the same content, and put and collect, again and again.
func testAtOnce(t *testing.T, p Place) {
	stores := []content.Store{p.Open(t), p.Open(t)}
	data := strings.Repeat("at once ", 20_000)
	digest := protocol.HashOf([]byte(data))
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if _, err := stores[i%2].Put(t.Context(), digest, strings.NewReader(data), nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if _, err := stores[0].Collect(t.Context(), time.Hour, Named()); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	if got, err := Read(t, stores[1], digest); err != nil || string(got) != data {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

// Named names some digests.
func Named(digests ...protocol.Hash) content.Named {
	return func(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error) {
		names := map[protocol.Hash]bool{}
		for _, d := range digests {
			names[d] = true
		}
		return names, nil
	}
}

func testCollect(t *testing.T, p Place) {
	s, other := p.Open(t), p.Open(t)
	named, held, nobodys, again := Put(t, s, "named"), Put(t, s, "held"), Put(t, s, "nobody's"), Put(t, s, "put again")
	p.Age(t)
	young := Put(t, s, "young")
	Put(t, other, "put again")
	if ok, err := other.Hold(t.Context(), held); !ok || err != nil {
		t.Errorf("Hold: %v, %v", ok, err)
	}
	if removed, err := s.Collect(t.Context(), time.Hour, Named(named)); removed != 1 || err != nil {
		t.Errorf("removed %d, %v; want the one that nobody names", removed, err)
	}
	for name, digest := range map[string]protocol.Hash{"named": named, "held": held, "young": young, "put again": again} {
		if !Has(t, s, digest) {
			t.Errorf("what is %s is gone", name)
		}
	}
	if Has(t, other, nobodys) {
		t.Error("what nobody names is there")
	}
	if removed, err := other.Collect(t.Context(), time.Hour, Named(named)); removed != 0 || err != nil {
		t.Errorf("the second time: %d, %v", removed, err)
	}
	if _, err := s.Collect(t.Context(), time.Minute, Named(named)); err == nil {
		t.Error("what is a minute old was collected")
	}
	if removed, err := s.SweepUploads(t.Context(), time.Hour); removed != 0 || err != nil {
		t.Errorf("there are leftovers: %d, %v", removed, err)
	}
}

// A record that names content in the last moment keeps it, and so does whoever knows the
// names failing.
func testNamedLate(t *testing.T, p Place) {
	s := p.Open(t)
	away := errors.New("the database is away")
	for data, second := range map[string]func([]protocol.Hash) (map[protocol.Hash]bool, error){
		"one": func([]protocol.Hash) (map[protocol.Hash]bool, error) { return nil, away },
		"two": func(digests []protocol.Hash) (map[protocol.Hash]bool, error) {
			return Named(digests...)(t.Context(), digests)
		},
	} {
		digest := Put(t, s, data)
		p.Age(t)
		asked := 0
		named := func(_ context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error) {
			if asked++; asked == 1 {
				return nil, nil
			}
			return second(digests)
		}
		if removed, err := s.Collect(t.Context(), time.Hour, named); removed != 0 || err != nil && !errors.Is(err, away) {
			t.Errorf("removed %d, %v", removed, err)
		}
		if asked < 2 {
			t.Errorf("it was asked for names %d times", asked)
		}
		if got, err := Read(t, s, digest); err != nil || string(got) != data {
			t.Errorf("%q, %v", got, err)
		}
	}
}
