package trillian

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	trilliangrpc "github.com/google/trillian"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// readAll reads the log, checks that it holds each of the leaves once, and that
// its root is theirs. It returns them in their order, and the root at each size.
func readAll(t testing.TB, l *trilliansvc.Log, want []follow.Leaf) ([]follow.Leaf, [][]byte) {
	t.Helper()
	root := awaitSize(t, l, uint64(len(want)))
	got, err := l.Leaves(t.Context(), 0, len(want)+1)
	if err != nil {
		t.Fatal(err)
	}
	missing := make(map[string]follow.Leaf)
	for _, leaf := range want {
		missing[string(leaf.Value)] = leaf
	}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	roots := [][]byte{rfc6962.DefaultHasher.EmptyRoot()}
	for _, leaf := range got {
		if w, ok := missing[string(leaf.Value)]; !ok || !bytes.Equal(w.ExtraData, leaf.ExtraData) {
			t.Fatalf("leaf %d is not one that was queued, or there twice", leaf.Index)
		}
		delete(missing, string(leaf.Value))
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(leaf.Value), nil); err != nil {
			t.Fatal(err)
		}
		hash, err := tree.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, hash)
	}
	if len(missing) > 0 {
		t.Fatalf("%d leaves are missing", len(missing))
	}
	if !bytes.Equal(roots[len(got)], root.Hash[:]) {
		t.Fatalf("the root is %v, that of its leaves is %x", root.Hash, roots[len(got)])
	}
	return got, roots
}

func TestProofsAtAllSizes(t *testing.T) {
	t.Parallel()
	l, _, _ := newLog(t)
	const size = 100
	queue(t, l, leaves(size)...)
	got, roots := readAll(t, l, leaves(size))
	for to := uint64(1); to <= size; to++ {
		for _, index := range slices.Compact([]uint64{0, to / 3, to - 1}) {
			hashes, err := l.InclusionProof(t.Context(), index, to)
			if err != nil {
				t.Fatal(err)
			}
			leafHash := rfc6962.DefaultHasher.HashLeaf(got[index].Value)
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, to, leafHash, hashes, roots[to]); err != nil {
				t.Errorf("leaf %d in size %d: %v", index, to, err)
			}
		}
		for _, from := range slices.Compact([]uint64{0, to / 2, to - 1, to}) {
			hashes, err := l.ConsistencyProof(t.Context(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, hashes, roots[from], roots[to]); err != nil {
				t.Errorf("from size %d to %d: %v", from, to, err)
			}
		}
		index, found, err := l.IndexOf(t.Context(), protocol.Hash(rfc6962.DefaultHasher.HashLeaf(got[to-1].Value)), to)
		if err != nil || !found || index != to-1 {
			t.Errorf("leaf %d: index %d, found %v, error %v", to-1, index, found, err)
		}
	}
	if _, err := l.InclusionProof(t.Context(), 0, size+1); !errors.Is(err, trilliansvc.ErrBeyondLog) {
		t.Errorf("inclusion in a later size: %v", err)
	}
	if _, err := l.ConsistencyProof(t.Context(), 1, size+1); !errors.Is(err, trilliansvc.ErrBeyondLog) {
		t.Errorf("consistency with a later size: %v", err)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	l, server, _ := newLog(t)
	twice := append(leaves(50), leaves(50)...)
	queue(t, l, twice...) // partly at the same time
	readAll(t, l, leaves(50))
	queue(t, l, leaves(51)...)
	readAll(t, l, leaves(51))
	other := leaf(51)
	queueAs(t, server, l.ID(), []byte("something else"), protocol.HashOf(other.Value))
	if err := l.Queue(t.Context(), []follow.Leaf{other}); !errors.Is(err, trilliansvc.ErrConflict) {
		t.Errorf("another leaf with the same identity hash: %v", err)
	}
}

// queueAs queues a leaf as somebody else may do, under any identity hash.
func queueAs(t *testing.T, server *Process, tree int64, value []byte, identity protocol.Hash) {
	t.Helper()
	conn, err := grpc.NewClient(server.RPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = trilliangrpc.NewTrillianLogClient(conn).QueueLeaf(t.Context(), &trilliangrpc.QueueLeafRequest{
		LogId: tree, Leaf: &trilliangrpc.LogLeaf{LeafValue: value, LeafIdentityHash: identity[:]},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Leaves near the largest that a log server takes, more than one answer holds.
func TestBigLeaves(t *testing.T) {
	t.Parallel()
	l, _, _ := newLog(t)
	big := leaves(20)
	for i := range big {
		big[i].ExtraData = make([]byte, 4<<20-1000)
		rand.Read(big[i].ExtraData)
	}
	for i := range big { // one at a time: this is not about the database's speed
		queue(t, l, big[i])
	}
	readAll(t, l, big)

	big[0].ExtraData = make([]byte, 4<<20)
	big[0].Value = []byte("too big")
	begin := time.Now()
	err := l.Queue(t.Context(), big[:1])
	if err == nil || !strings.Contains(err.Error(), "max_msg_size_bytes") {
		t.Errorf("a leaf beyond the limit: %v", err)
	}
	if taken := time.Since(begin); taken > 5*time.Second {
		t.Errorf("it took %v to learn that a leaf is too big", taken)
	}
}

func TestMeasureSequencing(t *testing.T) {
	t.Parallel()
	l, _, _ := newLog(t)
	rate, err := MeasureSequencing(t.Context(), l, 200, 500, 32)
	if err != nil || rate <= 0 {
		t.Errorf("%v leaves/s, error %v", rate, err)
	}
	if root := awaitSize(t, l, 200); root.Size != 200 {
		t.Errorf("size %d", root.Size)
	}
	if _, err := MeasureSequencing(t.Context(), l, 1, 31, 1); err == nil {
		t.Error("leaves that do not differ were accepted")
	}
}

// Run it with -benchtime of some thousand leaves: 3000x.
func BenchmarkSequencing(b *testing.B) {
	for _, concurrency := range []int{64, 256} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) {
			l, _, _ := newLog(b)
			b.ResetTimer()
			rate, err := MeasureSequencing(b.Context(), l, b.N, 500, concurrency)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(rate, "leaves/s")
		})
	}
}
