package sqlitestorage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/tree"
	"github.com/google/trillian/types"
	"github.com/transparency-dev/merkle/compact"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// snapshot is a view of one tree within a transaction. It implements
// [storage.ReadOnlyLogTreeTX] and, like any transaction of Trillian's storage,
// is for one goroutine at a time.
type snapshot struct {
	storage *Storage
	tx      *tx
	tree    *trillian.Tree

	root       types.LogRootV1         // zero if signedRoot is nil
	signedRoot *trillian.SignedLogRoot // nil: the tree needs to be initialised
	next       int64                   // index of the next leaf to queue, if nextKnown
	nextKnown  bool
}

// begin waits for a connection of p until ctx ends. It returns the snapshot
// together with [storage.ErrTreeNeedsInit], and without it for other errors.
func (s *Storage) begin(ctx context.Context, p *pool, tree *trillian.Tree) (*snapshot, error) {
	tx, err := p.Begin(ctx)
	if err != nil {
		return nil, s.failed("beginning a transaction", err)
	}
	snap := &snapshot{storage: s, tx: tx, tree: tree}
	if err := snap.start(); err != nil {
		tx.Rollback()
		return nil, s.failed("reading the latest root", err)
	}
	if snap.signedRoot == nil {
		return snap, storage.ErrTreeNeedsInit
	}
	return snap, nil
}

// start reads the latest root, with which the view of the database begins.
func (t *snapshot) start() error {
	var size, nanos int64
	err := t.tx.Statements.latestRoot.QueryRow(t.tree.TreeId).Scan(&size, &nanos, &t.root.RootHash, &t.root.Metadata)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	t.root.TreeSize, t.root.TimestampNanos = uint64(size), uint64(nanos)
	encoded, err := t.root.MarshalBinary()
	if err != nil {
		return fmt.Errorf("root of tree %d: %w", t.tree.TreeId, err)
	}
	t.signedRoot = &trillian.SignedLogRoot{LogRoot: encoded}
	return nil
}

func (t *snapshot) failed(doing string, err error) error {
	return t.storage.failed(fmt.Sprintf("tree %d: %s", t.tree.TreeId, doing), err)
}

// Commit implements [storage.ReadOnlyLogTreeTX].
func (t *snapshot) Commit(context.Context) error { return t.failed("committing", t.tx.Commit()) }

// Close implements [storage.ReadOnlyLogTreeTX]: it rolls back what is not committed.
func (t *snapshot) Close() error {
	t.tx.Rollback()
	return nil
}

// LatestSignedLogRoot implements [storage.ReadOnlyLogTreeTX].
func (t *snapshot) LatestSignedLogRoot(context.Context) (*trillian.SignedLogRoot, error) {
	if t.signedRoot == nil {
		return nil, storage.ErrTreeNeedsInit
	}
	return t.signedRoot, nil
}

// GetMerkleNodes implements [storage.ReadOnlyLogTreeTX].
func (t *snapshot) GetMerkleNodes(_ context.Context, ids []compact.NodeID) ([]tree.Node, error) {
	if t.signedRoot == nil {
		return nil, storage.ErrTreeNeedsInit
	}
	tiles := t.tiles()
	nodes := make([]tree.Node, len(ids))
	for i, id := range ids {
		var err error
		if nodes[i], err = tiles.node(id); err != nil {
			return nil, t.failed("reading tree nodes", err)
		}
	}
	return nodes, nil
}

func (t *snapshot) tiles() *tileReader {
	return &tileReader{treeID: t.tree.TreeId, stmt: t.tx.Statements.tile, seen: make(map[tileID][]byte)}
}

// GetLeavesByRange implements [storage.ReadOnlyLogTreeTX].
func (t *snapshot) GetLeavesByRange(_ context.Context, start, count int64) ([]*trillian.LogLeaf, error) {
	if t.signedRoot == nil {
		return nil, storage.ErrTreeNeedsInit
	}
	if count <= 0 || start < 0 {
		return nil, status.Errorf(codes.InvalidArgument, "range of %d leaves from %d, want a positive number from 0 or more", count, start)
	}
	size := int64(t.root.TreeSize)
	if t.tree.TreeType == trillian.TreeType_LOG {
		if start >= size {
			return nil, status.Errorf(codes.OutOfRange, "leaf %d is beyond the tree of size %d", start, size)
		}
		count = min(count, size-start)
	}
	leaves, err := t.leavesFrom(start, count)
	if err != nil {
		return nil, t.failed("reading leaves", err)
	}
	// A PREORDERED_LOG may have gaps, but only where it is not integrated yet.
	if end := start + int64(len(leaves)); int64(len(leaves)) < count && end < size {
		return nil, t.failed("reading leaves", fmt.Errorf("leaf %d is missing from the tree of size %d", end, size))
	}
	return leaves, nil
}

// leavesFrom returns consecutive leaves from start on: up to count, or up to the
// first gap.
func (t *snapshot) leavesFrom(start, count int64) ([]*trillian.LogLeaf, error) {
	leaves, err := t.collect(t.tx.Statements.leavesFrom, t.tree.TreeId, start, count)
	for i, leaf := range leaves {
		if leaf.LeafIndex != start+int64(i) {
			return leaves[:i], err
		}
	}
	return leaves, err
}

// GetLeavesByHash implements [storage.ReadOnlyLogTreeTX]. Leaves of a LOG that
// are not integrated are not found.
func (t *snapshot) GetLeavesByHash(_ context.Context, hashes [][]byte, orderBySequence bool) ([]*trillian.LogLeaf, error) {
	if t.signedRoot == nil {
		return nil, storage.ErrTreeNeedsInit
	}
	end := int64(math.MaxInt64)
	if t.tree.TreeType == trillian.TreeType_LOG {
		end = int64(t.root.TreeSize)
	}
	var leaves []*trillian.LogLeaf
	for _, hash := range hashes {
		found, err := t.collect(t.tx.Statements.leavesByMerkle, t.tree.TreeId, hash, end)
		if err != nil {
			return nil, t.failed("looking up leaves by hash", err)
		}
		leaves = append(leaves, found...)
	}
	if orderBySequence {
		slices.SortFunc(leaves, func(a, b *trillian.LogLeaf) int { return cmp.Compare(a.LeafIndex, b.LeafIndex) })
	}
	return leaves, nil
}

func (t *snapshot) leafByIdentity(hash []byte) (*trillian.LogLeaf, error) {
	return scanLeaf(t.tx.Statements.leafByIdentity.QueryRow(t.tree.TreeId, hash))
}

// collect returns the leaves that a statement on fullLeafColumns yields.
func (t *snapshot) collect(stmt *sql.Stmt, args ...any) ([]*trillian.LogLeaf, error) {
	rows, err := stmt.Query(args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	leaves := []*trillian.LogLeaf{}
	for rows.Next() {
		leaf, err := scanLeaf(rows)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, rows.Err()
}

// scanner is a [sql.Row] or a [sql.Rows].
type scanner interface{ Scan(dest ...any) error }

// scanLeaf reads a row of fullLeafColumns.
func scanLeaf(row scanner) (*trillian.LogLeaf, error) {
	leaf := new(trillian.LogLeaf)
	var queued, integrated int64
	if err := row.Scan(&leaf.LeafIndex, &queued, &leaf.LeafIdentityHash, &leaf.MerkleLeafHash,
		&leaf.LeafValue, &leaf.ExtraData, &integrated); err != nil {
		return nil, err
	}
	leaf.QueueTimestamp = timestamppb.New(time.Unix(0, queued))
	leaf.IntegrateTimestamp = timestamppb.New(time.Unix(0, integrated))
	return leaf, nil
}
