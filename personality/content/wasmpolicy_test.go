package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cacheDir spares each test the compilation.
var cacheDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "validator-cache-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := cacheDir(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func newPolicy(t testing.TB) *WasmPolicy {
	t.Helper()
	dir, err := cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewWasmPolicy(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func checkBytes(ctx context.Context, p *WasmPolicy, b []byte) error {
	return p.Check(ctx, bytes.NewReader(b), int64(len(b)))
}

func TestValidWasm(t *testing.T) {
	p := newPolicy(t)
	for name, sample := range validSamples() {
		if err := checkBytes(t.Context(), p, sample); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalidWasm(t *testing.T) {
	p := newPolicy(t)
	for _, sample := range invalidSamples {
		err := checkBytes(t.Context(), p, sample.bytes)
		var rejected *RejectedError
		if !errors.As(err, &rejected) {
			t.Errorf("%s: got %v, want a rejection", sample.name, err)
			continue
		}
		if want := "content is not valid WebAssembly: " + sample.message; rejected.Reason != want {
			t.Errorf("%s:\n got %q\nwant %q", sample.name, rejected.Reason, want)
		}
	}
}

// Damage of any kind ends in a verdict, never in a trap of the validator.
func TestDamagedWasm(t *testing.T) {
	p := newPolicy(t)
	random := rand.New(rand.NewPCG(1, 2))
	verdicts := map[bool]int{}
	for name, sample := range validSamples() {
		if len(sample) > 200_000 {
			continue
		}
		for range 40 {
			damaged := slices.Clone(sample)
			for range 1 + random.IntN(3) {
				damaged[random.IntN(len(damaged))] = byte(random.Uint32())
			}
			verdicts[verdict(t, p, name, damaged)]++
		}
	}
	if verdicts[true] == 0 || verdicts[false] == 0 {
		t.Errorf("valid and invalid: %v; the damage does not exercise both", verdicts)
	}
}

// verdict says whether b is valid, and fails if the validator did not decide.
func verdict(t *testing.T, p *WasmPolicy, name string, b []byte) bool {
	t.Helper()
	err := checkBytes(t.Context(), p, b)
	var rejected *RejectedError
	if err != nil && !errors.As(err, &rejected) {
		t.Errorf("%s %x: %v", name, b, err)
	}
	return err == nil
}

func FuzzCheck(f *testing.F) {
	for _, sample := range validSamples() {
		if len(sample) < 1000 {
			f.Add(sample)
		}
	}
	for _, sample := range invalidSamples {
		if len(sample.bytes) < 1000 {
			f.Add(sample.bytes)
		}
	}
	p := newPolicy(f)
	f.Fuzz(func(t *testing.T, b []byte) { verdict(t, p, "fuzzed", b) })
}

func TestMemoryIsBounded(t *testing.T) {
	p := newPolicy(t)
	<-p.compiled
	sample := costlyCalls(1000, 2000) // 2 million operands
	run := func(limit int64) error {
		_, err := p.askIn(t.Context(), []question{isValid}, p.large, limit, bytes.NewReader(sample), p.work(t.Context(), int64(len(sample))))
		return err
	}
	for _, limit := range []int64{4 << 20, 64 << 10, 1} { // the last ones: less than any question begins with
		if err := run(limit); !errors.Is(err, errMemory) {
			t.Errorf("with %d bytes of memory: %v", limit, err)
		}
	}
	if err := run(memoryLimit(int64(len(sample)))); err != nil {
		t.Errorf("with the usual memory: %v", err)
	}
	if got := memoryLimit(1 << 62); got != maxMemory {
		t.Errorf("limit for huge content is %d", got)
	}
}

// Content that takes more memory than small content gets at first gets what it needs,
// and is refused, for good, if that is more than there is.
func TestMemoryOfSmallContent(t *testing.T) {
	p := newPolicy(t)
	if err := checkBytes(t.Context(), p, costlyCalls(1000, 2000)); err != nil {
		t.Errorf("2 million operands: %v", err)
	}
	err := checkBytes(t.Context(), p, costlyCalls(1000, 30_000))
	var rejected *RejectedError
	if !errors.As(err, &rejected) || rejected.Costly || !strings.Contains(rejected.Reason, "64 MiB of memory") {
		t.Errorf("30 million operands: %v", err)
	}
}

// A real module does as well with more memory than it needs, which small content gets
// first.
func TestSmallContentIsCheckedInLittleMemory(t *testing.T) {
	p := newPolicy(t)
	<-p.compiled
	for name, sample := range validSamples() {
		size := int64(len(sample))
		if size > smallSize {
			continue
		}
		if _, err := p.askIn(t.Context(), []question{isValid}, p.small, smallMemory+size, bytes.NewReader(sample), p.work(t.Context(), size)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnreadableContent(t *testing.T) {
	p := newPolicy(t)
	broken := errors.New("the disk is broken")
	var rejected *RejectedError
	if err := p.Check(t.Context(), failingReaderAt{broken}, 100); !errors.Is(err, broken) || errors.As(err, &rejected) {
		t.Errorf("got %v", err)
	}
	if err := p.Check(t.Context(), bytes.NewReader(emptyModule), 100); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("content shorter than said: %v", err)
	}
}

type failingReaderAt struct{ err error }

func (f failingReaderAt) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestConcurrentChecks(t *testing.T) {
	p := newPolicy(t)
	valid, invalid := manyFunctions(3000), manyFunctions(3000)[:100_000]
	var group sync.WaitGroup
	for i := range 24 {
		group.Go(func() {
			sample, want := valid, true
			if i%2 == 1 {
				sample, want = invalid, false
			}
			if verdict(t, p, fmt.Sprint(i), sample) != want {
				t.Errorf("check %d: want %v", i, want)
			}
		})
	}
	group.Wait()
}

func TestClosedPolicy(t *testing.T) {
	p := newPolicy(t)
	<-p.compiled
	const n = 6 // running ones and waiting ones
	results, running := make(chan error), make(chan struct{}, n)
	for i := range n {
		ctx := WithClient(context.Background(), fmt.Sprint(i))
		sample := costly(1000, 60_000, 100)
		go func() { results <- p.Check(ctx, signalling(sample, running), int64(len(sample))) }()
	}
	<-running
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := <-results; !errors.Is(err, errPolicyClosed) {
			t.Errorf("a check while closing: %v", err)
		}
	}
	if err := checkBytes(t.Context(), p, emptyModule); !errors.Is(err, errPolicyClosed) {
		t.Errorf("a check after closing: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestCompilationCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	start := func() {
		t.Helper()
		p, err := NewWasmPolicy(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkBytes(t.Context(), p, emptyModule); err != nil {
			t.Error(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	start()
	cached, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(cached) != 1 {
		t.Fatalf("cache holds %v, %v", cached, err)
	}
	start()
	if err := os.Truncate(cached[0], 1000); err != nil {
		t.Fatal(err)
	}
	start()

	if _, err := NewWasmPolicy(t.Context(), filepath.Join(cached[0], "below-a-file")); err == nil {
		t.Error("a cache folder below a file: no error")
	}
}

func BenchmarkCheck(b *testing.B) {
	p := newPolicy(b)
	<-p.compiled
	samples := map[string][]byte{
		"component": emptyComponent,
		"code":      validatorWasm, // 1.4 MB of optimised Rust
		"data":      bigData(10 << 20),
	}
	for name, sample := range samples {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(sample)))
			b.ReportAllocs()
			for b.Loop() {
				if err := checkBytes(b.Context(), p, sample); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStart measures how long a server's first check waits: without anything in the
// cache of compiled code, and with all of it.
func BenchmarkStart(b *testing.B) {
	start := func(b *testing.B, dir string) {
		p, err := NewWasmPolicy(b.Context(), dir)
		if err != nil {
			b.Fatal(err)
		}
		<-p.compiled
		if err := p.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("compiled", func(b *testing.B) {
		for b.Loop() {
			start(b, "")
		}
	})
	b.Run("cached", func(b *testing.B) {
		dir := b.TempDir()
		start(b, dir)
		for b.Loop() {
			start(b, dir)
		}
	})
}
