package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// signalling reads b, and signals when it is first read.
func signalling(b []byte, read chan<- struct{}) io.ReaderAt {
	return &signallingReader{bytes.NewReader(b), read}
}

type signallingReader struct {
	r    *bytes.Reader
	read chan<- struct{} // nil once it was signalled
}

func (s *signallingReader) ReadAt(p []byte, offset int64) (int, error) {
	if s.read != nil {
		s.read <- struct{}{}
		s.read = nil
	}
	return s.r.ReadAt(p, offset)
}

// costlyTest is content that holds an unbounded validator for half a minute.
func costlyTest() []byte { return costly(1000, 65_520, 4) }

func TestCostlyContentIsRefused(t *testing.T) {
	p := newPolicy(t)
	for name, sample := range map[string][]byte{
		"of 270 KB": costlyTest(),
		"of 1 MB":   costly(1000, 60_000, 16),
		"of 10 KB":  costly(1000, 5000, 2),
	} {
		w := p.work(t.Context(), int64(len(sample)))
		<-p.compiled
		_, err := p.askIn(t.Context(), []question{isValid}, p.large, minMemory, bytes.NewReader(sample), w)
		var rejected *RejectedError
		if name == "of 10 KB" { // it is not so costly
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.As(err, &rejected) || !rejected.Costly || !strings.HasPrefix(rejected.Reason, "content is too costly to check: ") {
			t.Errorf("%s: got %v", name, err)
		}
		if most := maxSteps(int64(len(sample))) + sliceSteps; w.steps > most {
			t.Errorf("%s: %d steps were done, want at most %d", name, w.steps, most)
		}
	}
}

// The bound is several times what real content takes, and no less if the machine is
// busy: the work is counted.
func TestWorkIsCounted(t *testing.T) {
	p := newPolicy(t)
	<-p.compiled
	steps := func(sample []byte) int64 {
		w := p.work(t.Context(), int64(len(sample)))
		if _, err := p.askIn(t.Context(), []question{isValid}, p.large, minMemory, bytes.NewReader(sample), w); err != nil {
			t.Fatal(err)
		}
		return w.steps
	}
	real := steps(validatorWasm)
	if size := int64(len(validatorWasm)); real < size || real > 4*size {
		t.Errorf("a real module of %d bytes takes %d steps, want 1 to 4 a byte", size, real)
	}
	if again := steps(validatorWasm); again != real {
		t.Errorf("the second time it takes %d steps, the first %d", again, real)
	}
	if twice, once := steps(manyFunctions(20_000)), steps(manyFunctions(10_000)); twice < 19*once/10 || twice > 21*once/10 {
		t.Errorf("twice as much takes %d steps, half %d", twice, once)
	}
	for name, sample := range validSamples() {
		if got := steps(sample); got > maxSteps(int64(len(sample)))/4 {
			t.Errorf("%s takes %d steps of %d", name, got, maxSteps(int64(len(sample))))
		}
	}
}

// Validating ends when it is told to, and leaves the policy usable.
func TestCheckEndsWithContext(t *testing.T) {
	p := newPolicy(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	running, result := make(chan struct{}), make(chan error)
	sample := costlyTest()
	go func() { result <- p.Check(ctx, signalling(sample, running), int64(len(sample))) }()
	<-running
	gone := errors.New("the client is gone")
	cancel(gone)
	if err := <-result; !errors.Is(err, gone) {
		t.Errorf("got %v, want the cause", err)
	}
	if err := checkBytes(t.Context(), p, emptyModule); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// An honest content is checked while eight costly ones of others are being checked.
func TestHonestBesideCostly(t *testing.T) {
	p := newPolicy(t)
	const others = 8
	sample := costlyTest()
	running, refused := make(chan struct{}, others), make(chan error, others)
	for i := range others {
		ctx := WithClient(t.Context(), fmt.Sprint("attacker ", i))
		go func() { refused <- p.Check(ctx, signalling(sample, running), int64(len(sample))) }()
	}
	for range others {
		<-running
	}
	for range 2 { // the second time it is known already
		if err := checkBytes(WithClient(t.Context(), "honest"), p, manyFunctions(5000)); err != nil {
			t.Error(err)
		}
	}
	if n := len(refused); n > 0 {
		t.Errorf("%d of %d costly contents were refused before honest content was checked", n, others)
	}
	for range others {
		var rejected *RejectedError
		if err := <-refused; !errors.As(err, &rejected) || !rejected.Costly {
			t.Errorf("costly content: %v", err)
		}
	}
}

// Whatever way checks end, what they held is there for others.
func TestWhatChecksHeldIsGivenBack(t *testing.T) {
	p := newPolicy(t)
	<-p.compiled
	p.processors = newTurns(2)
	costly, invalid := costlyTest(), manyFunctions(10)[:100]
	cancelled, cancel := context.WithCancel(t.Context())
	for name, check := range map[string]func(ctx context.Context) error{
		"refused as invalid":   func(ctx context.Context) error { return checkBytes(ctx, p, invalid) },
		"refused as costly":    func(ctx context.Context) error { return checkBytes(ctx, p, costly) },
		"unreadable":           func(ctx context.Context) error { return p.Check(ctx, failingReaderAt{io.ErrNoProgress}, 100) },
		"a panic when reading": func(ctx context.Context) error { return p.Check(ctx, panickingReaderAt{}, 100) },
		"cancelled": func(ctx context.Context) error {
			return p.Check(cancelled, readerAtFunc(func(b []byte, at int64) (int, error) {
				cancel()
				return bytes.NewReader(costly).ReadAt(b, at)
			}), int64(len(costly)))
		},
		"cancelled before": func(context.Context) error { return checkBytes(cancelled, p, invalid) },
	} {
		results := make(chan error)
		const n = 5 // more than fit at once
		for i := range n {
			ctx := WithClient(t.Context(), fmt.Sprint(i%3))
			go func() { results <- check(ctx) }()
		}
		for range n {
			if err := <-results; err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		for what, turns := range map[string]*turns{"processors": p.processors, "memory of small content": p.small, "memory": p.large} {
			if turns.free != turns.capacity || len(turns.clients) != 0 {
				t.Errorf("%s: %d of %d of the %s are free, %d clients are known", name, turns.free, turns.capacity, what, len(turns.clients))
			}
		}
		for range 3 {
			if err := checkBytes(t.Context(), p, emptyModule); err != nil {
				t.Errorf("%s: a check afterwards: %v", name, err)
			}
		}
	}
}

type readerAtFunc func([]byte, int64) (int, error)

func (f readerAtFunc) ReadAt(b []byte, at int64) (int, error) { return f(b, at) }

type panickingReaderAt struct{}

func (panickingReaderAt) ReadAt([]byte, int64) (int, error) { panic("the reader is broken") }
