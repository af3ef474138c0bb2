package reader

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ProveConsistency returns the encoded bundle that proves the records log of
// from leaves to be a prefix of that of to leaves, for any two lengths up to the
// newest checkpoint's. Errors: *[registry.BundleError] for lengths that no bundle can
// relate, *[registry.CheckpointNotFoundError] for one beyond the newest checkpoint.
func (r *Reader) ProveConsistency(ctx context.Context, from, to uint64) ([]byte, error) {
	if from == 0 || from > to {
		return nil, &registry.BundleError{Reason: fmt.Sprintf("there is no consistency proof from log length %d to %d: the first must be at least 1 and not more than the second", from, to)}
	}
	roots, err := r.balancedRoots(ctx, to)
	if err != nil {
		return nil, err
	}
	var last proof.LeafPath
	if from < to {
		if last, err = r.lastLeaf(ctx, from, to); err != nil {
			return nil, err
		}
	}
	bundle, err := proof.ConsistencyBundle(from, to, roots, last)
	if err != nil {
		return nil, bundleError(err)
	}
	return bundle.Encode(), nil
}

// balancedRoots returns the balanced roots at a length up to the newest
// checkpoint's: kept if it is a checkpoint's, else from Trillian.
func (r *Reader) balancedRoots(ctx context.Context, length uint64) ([]protocol.Hash, error) {
	checkpoint, err := r.checkpoint(ctx, length)
	var none *registry.CheckpointNotFoundError
	if !errors.As(err, &none) {
		return checkpoint.Roots, err
	}
	latest, err := r.LatestCheckpoint(ctx)
	if err != nil && !errors.As(err, &none) {
		return nil, err
	}
	if length > latest.Contents.LogLength {
		return nil, &registry.CheckpointNotFoundError{LogLength: length}
	}
	last, err := r.lastLeaf(ctx, length, length)
	if err != nil {
		return nil, err
	}
	return proof.BalancedRoots(length, last)
}

// lastLeaf returns the last leaf of the log of some length with its path in the
// log of length at.
func (r *Reader) lastLeaf(ctx context.Context, length, at uint64) (proof.LeafPath, error) {
	leaf, err := read(ctx, &r.database, func(tx *store.Tx) (store.Leaf, error) { return tx.Leaf(length - 1) })
	if err != nil {
		return proof.LeafPath{}, fmt.Errorf("read leaf %d: %w", length-1, err)
	}
	path, err := r.inclusionPath(ctx, length-1, at)
	return proof.LeafPath{Index: length - 1, LeafHash: leaf.Hash(), Path: path}, err
}
