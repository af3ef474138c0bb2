package sqlitestorage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/testonly"
	"github.com/google/trillian/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTreeNeedsInit(t *testing.T) {
	s := open(t)
	tree, err := storage.CreateTree(t.Context(), s.AdminStorage(), testonly.LogTree)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := s.LogStorage().SnapshotForTree(t.Context(), tree)
	if err != storage.ErrTreeNeedsInit || snap == nil {
		t.Fatalf("snapshot %v, error %v", snap, err)
	}
	if _, err := snap.LatestSignedLogRoot(t.Context()); err != storage.ErrTreeNeedsInit {
		t.Errorf("latest root: %v", err)
	}
	if _, err := snap.GetMerkleNodes(t.Context(), nil); err != storage.ErrTreeNeedsInit {
		t.Errorf("nodes: %v", err)
	}
	if _, err := snap.GetLeavesByRange(t.Context(), 0, 1); err != storage.ErrTreeNeedsInit {
		t.Errorf("leaves: %v", err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	// Trillian's log server does not always close it: that must not cost a connection.
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := s.LogStorage().SnapshotForTree(ctx, tree); err != storage.ErrTreeNeedsInit {
			t.Fatalf("unclosed snapshots: %v", err)
		}
		cancel()
	}
	// The transaction begins nevertheless: how else could the first root be stored.
	err = s.LogStorage().ReadWriteTransaction(t.Context(), tree, func(ctx context.Context, tx storage.LogTreeTX) error {
		_, err := tx.LatestSignedLogRoot(ctx)
		return err
	})
	if err != storage.ErrTreeNeedsInit {
		t.Errorf("transaction: %v", err)
	}
	if _, err := s.LogStorage().AddSequencedLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(0)}, time.Now()); err != storage.ErrTreeNeedsInit {
		t.Errorf("AddSequencedLeaves: %v", err)
	}
}

func TestClosedConnectionsAreNoSilentAnswer(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if snap, err := s.LogStorage().SnapshotForTree(t.Context(), tree); err == nil || errors.Is(err, storage.ErrTreeNeedsInit) || snap != nil {
		t.Errorf("snapshot %v, error %v", snap, err)
	}
	if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(0)}, time.Now()); status.Code(err) != codes.Unavailable {
		t.Errorf("QueueLeaves: %v", err)
	}
	if err := s.LogStorage().CheckDatabaseAccessible(t.Context()); err == nil {
		t.Error("a closed database is accessible")
	}
}

// A snapshot is a view of one moment, and does not wait for a writer.
func TestSnapshotBesideWriter(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(0)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	mustIntegrate(t, s, tree)
	before, err := s.LogStorage().SnapshotForTree(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(1)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	mustIntegrate(t, s, tree)
	if leaves, err := before.GetLeavesByRange(t.Context(), 0, 10); err != nil || len(leaves) != 1 {
		t.Errorf("the older snapshot has %d leaves, error %v", len(leaves), err)
	}
	err = s.LogStorage().ReadWriteTransaction(t.Context(), tree, func(context.Context, storage.LogTreeTX) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		snap, err := s.LogStorage().SnapshotForTree(ctx, tree)
		if err != nil {
			return err
		}
		leaves, err := snap.GetLeavesByRange(ctx, 0, 10)
		if len(leaves) != 2 {
			t.Errorf("beside a writer: %d leaves", len(leaves))
		}
		return errors.Join(err, snap.Close())
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRollback(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(0)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("failure")
	for range 2 { // what was dequeued is there again
		err := s.LogStorage().ReadWriteTransaction(t.Context(), tree, func(ctx context.Context, tx storage.LogTreeTX) error {
			leaves, err := tx.DequeueLeaves(ctx, 10, time.Now())
			if err != nil || len(leaves) != 1 {
				t.Fatalf("%d leaves, error %v", len(leaves), err)
			}
			if err := tx.UpdateSequencedLeaves(ctx, leaves); err == nil {
				t.Error("leaves without an integrate time were taken")
			}
			return failure
		})
		if err != failure {
			t.Errorf("error %v", err)
		}
	}
}

func TestRootsDoNotShrink(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(0)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	mustIntegrate(t, s, tree)
	smaller, err := (&types.LogRootV1{RootHash: []byte("x"), TimestampNanos: 1}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	err = s.LogStorage().ReadWriteTransaction(t.Context(), tree, func(ctx context.Context, tx storage.LogTreeTX) error {
		return tx.StoreSignedLogRoot(ctx, &trillian.SignedLogRoot{LogRoot: smaller})
	})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("error %v", err)
	}
	read(t, s, tree)
}

// Sequenced leaves must be those that were dequeued, in their places.
func TestSequencingChecksItsInput(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, []*trillian.LogLeaf{leafNumber(0), leafNumber(1)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func([]*trillian.LogLeaf) []*trillian.LogLeaf{
		"wrong index": func(l []*trillian.LogLeaf) []*trillian.LogLeaf { l[1].LeafIndex = 5; return l },
		"wrong order": func(l []*trillian.LogLeaf) []*trillian.LogLeaf {
			l[0].LeafIndex, l[1].LeafIndex = 1, 0
			return []*trillian.LogLeaf{l[1], l[0]}
		},
		"not dequeued":  func(l []*trillian.LogLeaf) []*trillian.LogLeaf { return append(l, leafNumber(7)) },
		"without first": func(l []*trillian.LogLeaf) []*trillian.LogLeaf { return l[1:] },
	} {
		err := s.LogStorage().ReadWriteTransaction(t.Context(), tree, func(ctx context.Context, tx storage.LogTreeTX) error {
			leaves, err := tx.DequeueLeaves(ctx, 10, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range leaves {
				l.LeafIndex, l.IntegrateTimestamp = int64(i), l.QueueTimestamp
			}
			return tx.UpdateSequencedLeaves(ctx, change(leaves))
		})
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	mustIntegrate(t, s, tree)
	read(t, s, tree)
}

func TestAddSequencedLeavesResults(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.PreorderedLogTree)
	at := func(n int, index int64) *trillian.LogLeaf {
		l := leafNumber(n)
		l.LeafIndex = index
		return l
	}
	results, err := s.LogStorage().AddSequencedLeaves(t.Context(), tree, []*trillian.LogLeaf{
		at(0, 0), at(1, 1), at(0, 0), at(9, 1), at(0, 2), at(2, 2),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		code codes.Code
		leaf int
	}{{codes.OK, 0}, {codes.OK, 1}, {codes.AlreadyExists, 0}, {codes.FailedPrecondition, 1}, {codes.FailedPrecondition, 0}, {codes.OK, 2}} {
		if got := status.FromProto(results[i].Status).Code(); got != want.code || number(results[i].Leaf) != want.leaf {
			t.Errorf("result %d: %v of leaf %d, want %v of leaf %d", i, got, number(results[i].Leaf), want.code, want.leaf)
		}
	}
	mustIntegrate(t, s, tree)
	if root, _ := read(t, s, tree); root.TreeSize != 3 {
		t.Errorf("size %d", root.TreeSize)
	}
}

func TestLeavesByHash(t *testing.T) {
	s := open(t)
	tree := createTree(t, s, testonly.LogTree)
	queue := func(ls ...*trillian.LogLeaf) {
		if _, err := s.LogStorage().QueueLeaves(t.Context(), tree, ls, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	twin := leafNumber(0) // the same value under another identity
	twin.LeafIdentityHash = leafNumber(100).LeafIdentityHash
	queue(leafNumber(0), leafNumber(1), twin)
	mustIntegrate(t, s, tree)
	queue(leafNumber(2))
	snap, err := s.LogStorage().SnapshotForTree(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	leaves, err := snap.GetLeavesByHash(t.Context(), [][]byte{
		leafNumber(1).MerkleLeafHash, leafNumber(2).MerkleLeafHash, leafNumber(0).MerkleLeafHash, leafNumber(3).MerkleLeafHash,
	}, true)
	if err != nil || len(leaves) != 3 {
		t.Fatalf("%d leaves, error %v, want 3", len(leaves), err)
	}
	for i, l := range leaves {
		if l.LeafIndex != int64(i) {
			t.Errorf("leaf %d in place %d", l.LeafIndex, i)
		}
	}
}

func TestHardDeleteLeavesNothing(t *testing.T) {
	s := open(t)
	tree, other := createTree(t, s, testonly.LogTree), createTree(t, s, testonly.LogTree)
	for _, tr := range []*trillian.Tree{tree, other} {
		if _, err := s.LogStorage().QueueLeaves(t.Context(), tr, []*trillian.LogLeaf{leafNumber(0)}, time.Now()); err != nil {
			t.Fatal(err)
		}
		mustIntegrate(t, s, tr)
	}
	if _, err := storage.SoftDeleteTree(t.Context(), s.AdminStorage(), tree.TreeId); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.LogStorage().GetActiveLogIDs(t.Context()); err != nil || len(ids) != 1 || ids[0] != other.TreeId {
		t.Errorf("active: %v, error %v", ids, err)
	}
	if err := storage.HardDeleteTree(t.Context(), s.AdminStorage(), tree.TreeId); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LogStorage().SnapshotForTree(t.Context(), tree); err != storage.ErrTreeNeedsInit {
		t.Errorf("snapshot of the deleted tree: %v", err)
	}
	if root, _ := read(t, s, other); root.TreeSize != 1 {
		t.Errorf("the other tree has size %d", root.TreeSize)
	}
}
