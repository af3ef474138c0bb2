package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// filled returns a store with a map of that many keys, put in by the thousand.
func filled(tb testing.TB, size int) (*store, Snapshot) {
	s, at := newStore(), Snapshot{}
	tree := NewTree(cached(4096))
	for from := 0; from < size; from += 1000 {
		at = s.advance(tb, tree, at, 1000, testKeys(from, min(from+1000, size), 0))
	}
	return s, at
}

var mapSizes = []int{10_000, 100_000}

// BenchmarkUpdate puts in a batch of new keys, or changes the leaves of keys
// that are there. us/key is the time per key, rows/key and B/key what is stored
// for it, reads/key the tiles read that were not cached.
func BenchmarkUpdate(b *testing.B) {
	for _, size := range mapSizes {
		s, start := filled(b, size)
		for _, batch := range []int{1, 200, 1000} {
			for _, kind := range []string{"new", "known"} {
				b.Run(fmt.Sprintf("keys=%d/batch=%d/%s", size, batch, kind), func(b *testing.B) {
					rng := rand.New(rand.NewPCG(1, uint64(batch)))
					tree := NewTree(cached(4096))
					*s = store{versions: s.versions}
					at, next := start, size
					rows, bytes := 0, 0
					for b.Loop() {
						var keys []key
						if kind == "new" {
							keys = testKeys(next, next+batch, 0)
						} else {
							for range batch {
								n := rng.IntN(size)
								keys = append(keys, testKeys(n, n+1, 1+next%100)...)
							}
						}
						next += batch
						// Always on top of the same map, which so keeps its size;
						// nothing is stored.
						_, tiles, err := tree.update(context.Background(), s, at, keys)
						if err != nil {
							b.Fatal(err)
						}
						for _, t := range tiles {
							rows++
							bytes += len(t.ID) + len(t.Data)
						}
					}
					n := float64(b.N * batch)
					b.ReportMetric(float64(b.Elapsed().Microseconds())/n, "us/key")
					b.ReportMetric(float64(rows)/n, "rows/key")
					b.ReportMetric(float64(bytes)/n, "B/key")
					b.ReportMetric(float64(s.reads)/n, "reads/key")
				})
			}
		}
	}
}

// BenchmarkProve proves one key at random.
func BenchmarkProve(b *testing.B) {
	for _, size := range mapSizes {
		s, at := filled(b, size)
		b.Run(fmt.Sprintf("keys=%d", size), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			tree := NewTree(cached(4096))
			*s = store{versions: s.versions}
			hashes := 0
			for b.Loop() {
				path := testHash('k', rng.IntN(size))
				found, err := tree.prove(context.Background(), s, at, []protocol.Hash{path})
				if err != nil {
					b.Fatal(err)
				}
				hashes += len(found[path].siblings)
			}
			if hashes < b.N {
				b.Fatal("proofs are empty")
			}
			b.ReportMetric(float64(s.reads)/float64(b.N), "reads/op")
		})
	}
}

// BenchmarkChain is the floor of an update: the hashes of one key that is alone
// below depth 17, as in a map of 100,000.
func BenchmarkChain(b *testing.B) {
	k := testKeys(0, 1, 0)[0]
	for b.Loop() {
		k.leaf = climb(&k.path, k.leaf, 256, 17)
	}
}
