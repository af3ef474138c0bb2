package sqlitestorage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// logStorage implements [storage.LogStorage].
type logStorage Storage

func (s *logStorage) CheckDatabaseAccessible(ctx context.Context) error {
	return (*Storage)(s).checkAccessible(ctx)
}

// GetActiveLogIDs returns the trees that are ACTIVE or DRAINING: those of the
// latter kind take no new leaves, but those that are queued are integrated.
func (s *logStorage) GetActiveLogIDs(ctx context.Context) ([]int64, error) {
	trees, err := (*Storage)(s).allTrees(ctx)
	if err != nil {
		return nil, err
	}
	ids := []int64{}
	for _, t := range trees {
		active := t.TreeState == trillian.TreeState_ACTIVE || t.TreeState == trillian.TreeState_DRAINING
		if active && !t.Deleted {
			ids = append(ids, t.TreeId)
		}
	}
	return ids, nil
}

// SnapshotForTree implements [storage.ReadOnlyLogStorage]. For a tree without a
// root it returns the transaction, already ended, with [storage.ErrTreeNeedsInit].
func (s *logStorage) SnapshotForTree(ctx context.Context, tree *trillian.Tree) (storage.ReadOnlyLogTreeTX, error) {
	snap, err := (*Storage)(s).begin(ctx, s.reader, tree)
	if snap == nil {
		return nil, err // a nil interface, not a nil *snapshot
	}
	if err != nil {
		snap.Close() // not all of Trillian's callers would
	}
	return snap, err
}

// ReadWriteTransaction implements [storage.LogStorage]. It never retries f.
func (s *logStorage) ReadWriteTransaction(ctx context.Context, tree *trillian.Tree, f storage.LogTXFunc) error {
	snap, err := (*Storage)(s).begin(ctx, s.writer, tree)
	if snap == nil {
		return err
	}
	defer snap.Close()
	if err := f(ctx, &transaction{snapshot: snap}); err != nil {
		return err
	}
	return snap.Commit(ctx)
}

// QueueLeaves implements [storage.LogStorage]. Calls that come at the same time
// share a commit; each gets its own result.
//
// A duplicate's original is returned with LeafIndex -1 while it is not
// integrated.
func (s *logStorage) QueueLeaves(ctx context.Context, tree *trillian.Tree, leaves []*trillian.LogLeaf, at time.Time) ([]*trillian.QueuedLogLeaf, error) {
	for i, leaf := range leaves {
		if err := checkHashes(i, leaf); err != nil {
			return nil, err
		}
	}
	return s.queue.do(ctx, &queueCall{tree: tree, leaves: leaves, at: at})
}

// AddSequencedLeaves implements [storage.LogStorage].
func (s *logStorage) AddSequencedLeaves(ctx context.Context, tree *trillian.Tree, leaves []*trillian.LogLeaf, at time.Time) ([]*trillian.QueuedLogLeaf, error) {
	for i, leaf := range leaves {
		if err := checkHashes(i, leaf); err != nil {
			return nil, err
		}
	}
	snap, err := (*Storage)(s).begin(ctx, s.writer, tree)
	if snap != nil {
		defer snap.Close()
	}
	if err != nil {
		return nil, err
	}
	results := make([]*trillian.QueuedLogLeaf, len(leaves))
	for i, leaf := range leaves {
		if results[i], err = snap.addSequenced(leaf, at); err != nil {
			return nil, snap.failed("adding sequenced leaves", err)
		}
	}
	return results, snap.Commit(ctx)
}

// commitQueued is the queue's commit. It does not watch the calls' contexts:
// one that gives up must not fail the others.
func (s *Storage) commitQueued(calls []*queueCall) error {
	tx, err := s.writer.Begin(context.Background())
	if err != nil {
		return s.failed("queueing leaves", err)
	}
	defer tx.Rollback() // no effect after commit

	snaps := make(map[int64]*snapshot) // one view per tree, within the one transaction
	for _, call := range calls {
		snap := snaps[call.tree.TreeId]
		if snap == nil {
			snap = &snapshot{storage: s, tx: tx, tree: call.tree}
			snaps[call.tree.TreeId] = snap
			if err := snap.start(); err != nil {
				return s.failed("queueing leaves", err)
			}
		}
		if call.result, call.refused = snap.queueAll(call.leaves, call.at); call.refused != nil && call.refused != storage.ErrTreeNeedsInit {
			return s.failed("queueing leaves", call.refused)
		}
	}
	return s.failed("queueing leaves", tx.Commit())
}

func checkHashes(i int, leaf *trillian.LogLeaf) error {
	if got := len(leaf.LeafIdentityHash); got != hashSize {
		return status.Errorf(codes.InvalidArgument, "leaf %d has a leaf identity hash of %d bytes, want %d", i, got, hashSize)
	}
	if got := len(leaf.MerkleLeafHash); got != hashSize {
		return status.Errorf(codes.InvalidArgument, "leaf %d has a Merkle leaf hash of %d bytes, want %d", i, got, hashSize)
	}
	return nil
}

// queueAll inserts leaves at the end of the log, except those that are there.
func (t *snapshot) queueAll(leaves []*trillian.LogLeaf, at time.Time) ([]*trillian.QueuedLogLeaf, error) {
	if t.signedRoot == nil {
		return nil, storage.ErrTreeNeedsInit
	}
	if !t.nextKnown {
		if err := t.tx.Statements.nextIndex.QueryRow(t.tree.TreeId).Scan(&t.next); err != nil {
			return nil, err
		}
		t.nextKnown = true
	}
	results := make([]*trillian.QueuedLogLeaf, len(leaves))
	for i, leaf := range leaves {
		inserted, err := t.insert(leaf, t.next, at)
		if err != nil {
			return nil, err
		}
		if inserted {
			t.next++
			leaf.QueueTimestamp = timestamppb.New(at)
			results[i] = &trillian.QueuedLogLeaf{Leaf: leaf}
			continue
		}
		original, err := t.leafByIdentity(leaf.LeafIdentityHash)
		if err != nil {
			return nil, fmt.Errorf("reading the original of duplicate %x: %w", leaf.LeafIdentityHash, err)
		}
		if original.LeafIndex >= int64(t.root.TreeSize) {
			original.LeafIndex = -1
		}
		results[i] = &trillian.QueuedLogLeaf{Leaf: original, Status: alreadyExists}
	}
	return results, nil
}

// alreadyExists is shared by all answers, which do not change it.
var alreadyExists = status.New(codes.AlreadyExists, "leaf already exists").Proto()
