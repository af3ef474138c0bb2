package trilliansvc_test

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// benchLeaves makes leaves of the size that the registry has: a LogLeaf of some
// 150 bytes and an envelope of 600.
func benchLeaves(n int) []follow.Leaf {
	ls := make([]follow.Leaf, n)
	for i := range ls {
		value, extra := make([]byte, 150), make([]byte, 600)
		rand.Read(value)
		rand.Read(extra)
		ls[i] = follow.Leaf{Value: value, ExtraData: extra}
	}
	return ls
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds processor time and rate per leaf or proof.
func report(b *testing.B, cpu time.Duration) {
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

// Queue, integrate and read back, 200 leaves at a time, as under load.
func BenchmarkQueueAndSequence(b *testing.B) {
	l := newLog(b)
	ls := benchLeaves(b.N)
	b.ResetTimer()
	cpu := cpuTime()
	for from := 0; from < b.N; from += 200 {
		to := min(from+200, b.N)
		queue(b, l, ls[from:to]...)
		integrate(b, l)
		if got, err := l.Leaves(b.Context(), uint64(from), to-from); err != nil || len(got) != to-from {
			b.Fatal(len(got), err)
		}
	}
	report(b, cpuTime()-cpu)
}

// A lone leaf, from Queue to reading it back.
func BenchmarkLoneLeaf(b *testing.B) {
	l := newLog(b)
	ls := benchLeaves(b.N)
	b.ResetTimer()
	cpu := cpuTime()
	for i := range ls {
		queue(b, l, ls[i])
		integrate(b, l)
		if got, err := l.Leaves(b.Context(), uint64(i), 1); err != nil || len(got) != 1 {
			b.Fatal(len(got), err)
		}
	}
	report(b, cpuTime()-cpu)
}

// Inclusion proofs of leaves at random in a log of 70,000 leaves (three levels of
// tiles).
func BenchmarkInclusionProof(b *testing.B) {
	l := newLog(b)
	const size = 70_000
	for from := 0; from < size; from += 10_000 {
		queue(b, l, benchLeaves(10_000)...)
	}
	integrate(b, l)
	b.ResetTimer()
	cpu := cpuTime()
	for b.Loop() {
		if _, err := l.InclusionProof(b.Context(), mathrand.Uint64N(size), size); err != nil {
			b.Fatal(err)
		}
	}
	report(b, cpuTime()-cpu)
}
