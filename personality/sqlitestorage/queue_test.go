package sqlitestorage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/log"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/testonly"
	"github.com/google/trillian/types"
	"github.com/google/trillian/util/clock"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"google.golang.org/grpc/codes"

	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
)

// createTree makes a tree like the given one and its first root.
func createTree(t testing.TB, s *sqlitestorage.Storage, like *trillian.Tree) *trillian.Tree {
	t.Helper()
	tree, err := storage.CreateTree(t.Context(), s.AdminStorage(), like)
	if err != nil {
		t.Fatal(err)
	}
	root, err := (&types.LogRootV1{RootHash: rfc6962.DefaultHasher.EmptyRoot()}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	err = s.LogStorage().ReadWriteTransaction(t.Context(), tree, func(ctx context.Context, tx storage.LogTreeTX) error {
		return tx.StoreSignedLogRoot(ctx, &trillian.SignedLogRoot{LogRoot: root})
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func leafOf(value []byte) *trillian.LogLeaf {
	id := sha256.Sum256(value)
	return &trillian.LogLeaf{
		LeafValue:        value,
		ExtraData:        append([]byte("extra "), value...),
		LeafIdentityHash: id[:],
		MerkleLeafHash:   rfc6962.DefaultHasher.HashLeaf(value),
	}
}

func leafNumber(i int) *trillian.LogLeaf {
	return leafOf(binary.BigEndian.AppendUint64(nil, uint64(i)))
}

func number(l *trillian.LogLeaf) int { return int(binary.BigEndian.Uint64(l.LeafValue)) }

// integrate runs the signer until the queue is drained.
func integrate(s *sqlitestorage.Storage, tree *trillian.Tree) error {
	for {
		n, err := integrateBatch(s, tree)
		if n == 0 || err != nil {
			return err
		}
	}
}

func integrateBatch(s *sqlitestorage.Storage, tree *trillian.Tree) (int, error) {
	log.InitMetrics(nil)
	return log.IntegrateBatch(context.Background(), tree, 500, 0, 0, clock.System, s.LogStorage(), quota.Noop())
}

func mustIntegrate(t testing.TB, s *sqlitestorage.Storage, tree *trillian.Tree) {
	t.Helper()
	if err := integrate(s, tree); err != nil {
		t.Fatal(err)
	}
}

// read returns the latest root and all leaves, having checked that the leaves
// make up the root.
func read(t testing.TB, s *sqlitestorage.Storage, tree *trillian.Tree) (types.LogRootV1, []*trillian.LogLeaf) {
	t.Helper()
	snap, err := s.LogStorage().SnapshotForTree(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	signed, err := snap.LatestSignedLogRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var root types.LogRootV1
	if err := root.UnmarshalBinary(signed.LogRoot); err != nil {
		t.Fatal(err)
	}
	if root.TreeSize == 0 {
		return root, nil
	}
	leaves, err := snap.GetLeavesByRange(t.Context(), 0, int64(root.TreeSize))
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(leaves)) != root.TreeSize {
		t.Fatalf("read %d leaves of a tree of size %d", len(leaves), root.TreeSize)
	}
	if got := rootOf(t, leaves); !bytes.Equal(got, root.RootHash) {
		t.Fatalf("the %d leaves have root %x, stored is %x", len(leaves), got, root.RootHash)
	}
	return root, leaves
}

func rootOf(t testing.TB, leaves []*trillian.LogLeaf) []byte {
	t.Helper()
	cr := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, l := range leaves {
		if err := cr.Append(rfc6962.DefaultHasher.HashLeaf(l.LeafValue), nil); err != nil {
			t.Fatal(err)
		}
	}
	root, err := cr.GetRootHash(nil)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// The order of dequeueing is that of queueing, whatever the hashes and the times.
func TestOrderOfQueueing(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	now := time.Now()
	for i := range 200 {
		at := now.Add(-time.Duration(i) * time.Second) // a clock that steps back
		if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(i)}, at); err != nil {
			t.Fatal(err)
		}
	}
	mustIntegrate(t, s, tree)
	_, leaves := read(t, s, tree)
	for i, l := range leaves {
		if number(l) != i || l.LeafIndex != int64(i) {
			t.Fatalf("leaf %d was queued as number %d", i, number(l))
		}
		if want := now.Add(-time.Duration(i) * time.Second); !l.QueueTimestamp.AsTime().Equal(want) {
			t.Fatalf("leaf %d: queue time %v, want %v", i, l.QueueTimestamp.AsTime(), want)
		}
		if age := time.Since(l.IntegrateTimestamp.AsTime()); age < 0 || age > time.Minute {
			t.Fatalf("leaf %d: integrated %v ago", i, age)
		}
	}
	if len(leaves) != 200 {
		t.Fatalf("%d leaves", len(leaves))
	}
}

// Calls at the same time: each gets its own result, and bad ones do not matter to
// good ones.
func TestConcurrentQueueing(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	uninitialised, err := storage.CreateTree(t.Context(), s.AdminStorage(), testonly.LogTree)
	if err != nil {
		t.Fatal(err)
	}
	const calls = 400
	var mu sync.Mutex
	first, duplicate := 0, 0
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			switch i % 4 {
			case 0: // each of these twice
				got, err := s.LogStorage().QueueLeaves(context.Background(), tree, []*trillian.LogLeaf{leafNumber(i / 8)}, time.Now())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if got[0].Status.GetCode() == int32(codes.AlreadyExists) {
					duplicate++
				} else {
					first++
				}
				if number(got[0].Leaf) != i/8 {
					t.Errorf("call for %d got %d", i/8, number(got[0].Leaf))
				}
			case 1:
				bad := leafNumber(i)
				bad.LeafIdentityHash = bad.LeafIdentityHash[1:]
				if _, err := s.LogStorage().QueueLeaves(context.Background(), tree, []*trillian.LogLeaf{bad}, time.Now()); err == nil {
					t.Error("a short identity hash was taken")
				}
			case 2:
				_, err := s.LogStorage().QueueLeaves(context.Background(), uninitialised, []*trillian.LogLeaf{leafNumber(i)}, time.Now())
				if !errors.Is(err, storage.ErrTreeNeedsInit) {
					t.Errorf("tree without a root: %v", err)
				}
			case 3:
				if _, err := s.LogStorage().QueueLeaves(context.Background(), tree, []*trillian.LogLeaf{leafNumber(1000 + i), leafNumber(2000 + i)}, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if first != calls/8 || duplicate != calls/8 {
		t.Errorf("%d first and %d duplicate, want %d each", first, duplicate, calls/8)
	}
	mustIntegrate(t, s, tree)
	if root, _ := read(t, s, tree); root.TreeSize != calls/8+calls/2 {
		t.Errorf("size %d", root.TreeSize)
	}
}

func TestDuplicateReturnsTheOriginal(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	original := leafOf([]byte("original"))
	again := leafOf([]byte("another value"))
	again.LeafIdentityHash = original.LeafIdentityHash
	got, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{original, again}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Status.GetCode() != 0 || got[1].Status.GetCode() != int32(codes.AlreadyExists) {
		t.Fatalf("statuses %v, %v", got[0].Status, got[1].Status)
	}
	if l := got[1].Leaf; !bytes.Equal(l.LeafValue, original.LeafValue) || !bytes.Equal(l.ExtraData, original.ExtraData) || l.LeafIndex != -1 {
		t.Errorf("not integrated: %v", l)
	}
	mustIntegrate(t, s, tree)
	if got, err = s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{again}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if l := got[0].Leaf; !bytes.Equal(l.LeafValue, original.LeafValue) || l.LeafIndex != 0 || !bytes.Equal(l.MerkleLeafHash, original.MerkleLeafHash) {
		t.Errorf("integrated: %v", l)
	}
}

// A caller that gives up does not take the others with it.
func TestQueueingWithContext(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = over
			}
			_, err := s.LogStorage().QueueLeaves(ctx, tree, []*trillian.LogLeaf{leafNumber(i)}, time.Now())
			if err != nil && i%2 == 1 {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mustIntegrate(t, s, tree)
	_, leaves := read(t, s, tree)
	found := make(map[int]bool)
	for _, l := range leaves {
		found[number(l)] = true
	}
	for i := 1; i < 50; i += 2 {
		if !found[i] {
			t.Errorf("leaf %d was acknowledged and is not there", i)
		}
	}
}

func TestGuardWindow(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	now := time.Now()
	for i, age := range []time.Duration{time.Hour, time.Minute, time.Hour} {
		if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(i)}, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	log.InitMetrics(nil)
	// The third is old enough, but comes after the second.
	n, err := log.IntegrateBatch(t.Context(), tree, 10, 30*time.Minute, 0, clock.System, s.LogStorage(), quota.Noop())
	if n != 1 || err != nil {
		t.Fatalf("integrated %d, error %v, want 1", n, err)
	}
	mustIntegrate(t, s, tree)
	if _, leaves := read(t, s, tree); fmt.Sprint(number(leaves[0]), number(leaves[1]), number(leaves[2])) != "0 1 2" {
		t.Error("order changed")
	}
}
