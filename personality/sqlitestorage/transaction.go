package sqlitestorage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/tree"
	"github.com/google/trillian/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// transaction implements [storage.LogTreeTX].
type transaction struct {
	*snapshot
	queueStart int64               // index of the first leaf that is not integrated
	dequeued   []*trillian.LogLeaf // from queueStart on
}

var _ storage.LogTreeTX = (*transaction)(nil)

// StoreSignedLogRoot implements [storage.LogTreeTX]. A root of fewer leaves than
// the latest one is refused.
func (t *transaction) StoreSignedLogRoot(_ context.Context, signed *trillian.SignedLogRoot) error {
	var root types.LogRootV1
	if err := root.UnmarshalBinary(signed.LogRoot); err != nil {
		return status.Errorf(codes.InvalidArgument, "tree %d: malformed log root: %v", t.tree.TreeId, err)
	}
	if root.TreeSize < t.root.TreeSize {
		return status.Errorf(codes.FailedPrecondition, "tree %d: root of size %d after one of size %d", t.tree.TreeId, root.TreeSize, t.root.TreeSize)
	}
	_, err := t.tx.Statements.storeRoot.Exec(t.tree.TreeId, int64(root.TreeSize), int64(root.TimestampNanos),
		notNull(root.RootHash), notNull(root.Metadata))
	return t.failed("storing a root", err)
}

// notNull keeps an empty slice from becoming NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// SetMerkleNodes implements [storage.LogTreeTX]. Nodes may be given again, but
// never change.
func (t *transaction) SetMerkleNodes(_ context.Context, nodes []tree.Node) error {
	tiles, store := t.tiles(), t.tx.Statements.storeTile
	for _, update := range updates(nodes) {
		hashes, err := tiles.read(update.id)
		if err != nil {
			return t.failed("reading tree nodes", err)
		}
		if hashes, err = update.apply(hashes); err != nil {
			return t.failed("storing tree nodes", err)
		}
		if _, err := store.Exec(t.tree.TreeId, update.id.level, update.id.index, hashes); err != nil {
			return t.failed("storing tree nodes", err)
		}
	}
	return nil
}

// DequeueLeaves implements [storage.LogTreeTX]: leaves in the order of queueing,
// up to the first that is younger than cutoff. Further calls in the same
// transaction go on from there. Leaves of a LOG come without their data.
func (t *transaction) DequeueLeaves(_ context.Context, limit int, cutoff time.Time) ([]*trillian.LogLeaf, error) {
	if t.tree.TreeType == trillian.TreeType_PREORDERED_LOG {
		leaves, err := t.leavesFrom(int64(t.root.TreeSize), int64(limit))
		return olderThan(leaves, cutoff), t.failed("dequeueing leaves", err)
	}
	if len(t.dequeued) == 0 {
		if err := t.tx.Statements.queueStart.QueryRow(t.tree.TreeId).Scan(&t.queueStart); err != nil {
			return nil, t.failed("dequeueing leaves", err)
		}
	}
	leaves, err := t.queuedFrom(t.queueStart+int64(len(t.dequeued)), limit)
	if err != nil {
		return nil, t.failed("dequeueing leaves", err)
	}
	leaves = olderThan(leaves, cutoff)
	t.dequeued = append(t.dequeued, leaves...)
	return leaves, nil
}

// olderThan cuts leaves off before the first that is younger than cutoff.
func olderThan(leaves []*trillian.LogLeaf, cutoff time.Time) []*trillian.LogLeaf {
	for i, leaf := range leaves {
		if leaf.QueueTimestamp.AsTime().After(cutoff) {
			return leaves[:i]
		}
	}
	return leaves
}

func (t *transaction) queuedFrom(start int64, limit int) ([]*trillian.LogLeaf, error) {
	rows, err := t.tx.Statements.queuedFrom.Query(t.tree.TreeId, start, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	leaves := []*trillian.LogLeaf{}
	for rows.Next() {
		leaf := new(trillian.LogLeaf)
		var queued int64
		if err := rows.Scan(&leaf.LeafIndex, &queued, &leaf.LeafIdentityHash, &leaf.MerkleLeafHash); err != nil {
			return nil, err
		}
		if want := start + int64(len(leaves)); leaf.LeafIndex != want {
			return nil, fmt.Errorf("leaf %d is missing from the queue, which goes on with leaf %d", want, leaf.LeafIndex)
		}
		leaf.QueueTimestamp = timestamppb.New(time.Unix(0, queued))
		leaves = append(leaves, leaf)
	}
	return leaves, rows.Err()
}

// UpdateSequencedLeaves implements [storage.LogTreeTX]. The leaves must be those
// that were dequeued, in that order, with the indexes that they had been given
// when they were queued.
func (t *transaction) UpdateSequencedLeaves(_ context.Context, leaves []*trillian.LogLeaf) error {
	if len(leaves) == 0 {
		return nil
	}
	if len(leaves) > len(t.dequeued) {
		return t.failed("sequencing leaves", fmt.Errorf("%d leaves, but only %d were dequeued", len(leaves), len(t.dequeued)))
	}
	for i, leaf := range leaves {
		if want := t.queueStart + int64(i); leaf.LeafIndex != want {
			return t.failed("sequencing leaves", fmt.Errorf("leaf %x was given index %d, want %d", leaf.LeafIdentityHash, leaf.LeafIndex, want))
		}
		if !bytes.Equal(leaf.LeafIdentityHash, t.dequeued[i].LeafIdentityHash) {
			return t.failed("sequencing leaves", fmt.Errorf("leaf %d is %x, want %x", leaf.LeafIndex, leaf.LeafIdentityHash, t.dequeued[i].LeafIdentityHash))
		}
	}
	if err := leaves[0].IntegrateTimestamp.CheckValid(); err != nil {
		return t.failed("sequencing leaves", fmt.Errorf("integrate timestamp: %w", err))
	}
	end := t.queueStart + int64(len(leaves))
	_, err := t.tx.Statements.addBatch.Exec(t.tree.TreeId, end, leaves[0].IntegrateTimestamp.AsTime().UnixNano())
	t.queueStart, t.dequeued = end, t.dequeued[len(leaves):]
	return t.failed("sequencing leaves", err)
}

// insert stores a leaf, unless one with its index or its identity hash is there.
func (t *snapshot) insert(leaf *trillian.LogLeaf, index int64, at time.Time) (bool, error) {
	result, err := t.tx.Statements.insertLeaf.Exec(t.tree.TreeId, index, at.UnixNano(),
		leaf.LeafIdentityHash, leaf.MerkleLeafHash, notNull(leaf.LeafValue), leaf.ExtraData)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// addSequenced stores a leaf at the index that it has.
func (t *snapshot) addSequenced(leaf *trillian.LogLeaf, at time.Time) (*trillian.QueuedLogLeaf, error) {
	inserted, err := t.insert(leaf, leaf.LeafIndex, at)
	if err != nil {
		return nil, err
	}
	if inserted {
		return &trillian.QueuedLogLeaf{Leaf: leaf, Status: status.New(codes.OK, "").Proto()}, nil
	}
	there, err := t.leavesFrom(leaf.LeafIndex, 1)
	if err != nil {
		return nil, err
	}
	if len(there) == 0 {
		other, err := t.leafByIdentity(leaf.LeafIdentityHash)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading the leaf of identity hash %x", leaf.LeafIdentityHash), err)
		}
		return &trillian.QueuedLogLeaf{Leaf: other, Status: status.Newf(codes.FailedPrecondition,
			"conflicting leaf identity hash: it is that of leaf %d", other.LeafIndex).Proto()}, nil
	}
	if same := there[0]; bytes.Equal(same.LeafIdentityHash, leaf.LeafIdentityHash) && bytes.Equal(same.LeafValue, leaf.LeafValue) {
		return &trillian.QueuedLogLeaf{Leaf: same, Status: alreadyExists}, nil
	}
	return &trillian.QueuedLogLeaf{Leaf: there[0], Status: status.Newf(codes.FailedPrecondition,
		"conflicting leaf index: another leaf is at index %d", leaf.LeafIndex).Proto()}, nil
}
