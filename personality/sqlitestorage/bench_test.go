package sqlitestorage_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage/testonly"
	"github.com/transparency-dev/merkle/proof"
)

// benchLeaf is a leaf with 600 bytes of extra data.
func benchLeaf(i int) *trillian.LogLeaf {
	l := leafNumber(i)
	l.ExtraData = make([]byte, 600)
	return l
}

// Leaves queued by 64 callers at a time, one leaf a call, then integrated.
func BenchmarkQueueAndSequence(b *testing.B) {
	s := open(b)
	tree := createTree(b, s, testonly.LogTree)
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < b.N; i += 64 {
				if _, err := s.LogStorage().QueueLeaves(context.Background(), tree, []*trillian.LogLeaf{benchLeaf(i)}, time.Now()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	mustIntegrate(b, s, tree)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// The nodes of an inclusion proof, as the log server reads them: a snapshot and
// its end included.
func BenchmarkProofNodes(b *testing.B) {
	s := open(b)
	tree := createTree(b, s, testonly.LogTree)
	const size = 70_000
	for i := 0; i < size; i += 1000 {
		var leaves []*trillian.LogLeaf
		for j := i; j < i+1000; j++ {
			leaves = append(leaves, benchLeaf(j))
		}
		if _, err := s.LogStorage().QueueLeaves(b.Context(), tree, leaves, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	mustIntegrate(b, s, tree)
	for b.Loop() {
		nodes, err := proof.Inclusion(rand.Uint64N(size), size)
		if err != nil {
			b.Fatal(err)
		}
		snap, err := s.LogStorage().SnapshotForTree(b.Context(), tree)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := snap.GetMerkleNodes(b.Context(), nodes.IDs); err != nil {
			b.Fatal(err)
		}
		if err := snap.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
