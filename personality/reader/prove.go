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

// ProveInclusion returns the encoded bundles that prove, at the length of a
// checkpoint, leaves to be in the records log and to be the heads of their logs
// in the package index. Errors: *[registry.CheckpointNotFoundError],
// *[registry.LeafNotFoundError], *[registry.IncorrectProofError] for a leaf that is no head.
func (r *Reader) ProveInclusion(ctx context.Context, logLength uint64, leafIndices []uint64) (logBundle, mapBundle []byte, err error) {
	checkpoint, leaves, err := r.provableLeaves(ctx, logLength, leafIndices)
	if err != nil {
		return nil, nil, err
	}
	paths := make([]proof.LeafPath, len(leaves))
	heads := make([]proof.MapLeaf, len(leaves))
	logIDs := make([]protocol.Hash, len(leaves))
	for i, leaf := range leaves {
		paths[i] = proof.LeafPath{Index: leaf.RegistryIndex, LeafHash: leaf.Hash()}
		if paths[i].Path, err = r.Records.InclusionProof(ctx, leaf.RegistryIndex, logLength); err != nil {
			return nil, nil, err
		}
		heads[i] = proof.MapLeaf{LogID: leaf.LogID, RecordID: leaf.RecordID}
		logIDs[i] = leaf.LogID
	}
	inLog, err := proof.InclusionBundle(logLength, checkpoint.Roots, paths)
	if err != nil {
		return nil, nil, bundleError(err)
	}
	inMap, err := r.Index.Prove(ctx, r.Store, checkpoint.Snapshot(), logIDs)
	if err != nil {
		return nil, nil, fmt.Errorf("prove %d logs in the package index at revision %d: %w", len(logIDs), logLength, err)
	}
	if err := inMap.Verify(checkpoint.Signed.Contents.MapRoot, heads); err != nil {
		return nil, nil, mapProofError(err)
	}
	return inLog.Encode(), inMap.Encode(), nil
}

// provableLeaves returns a checkpoint and the leaves at indices below its length.
func (r *Reader) provableLeaves(ctx context.Context, logLength uint64, leafIndices []uint64) (store.Checkpoint, []store.Leaf, error) {
	var checkpoint store.Checkpoint
	leaves := make([]store.Leaf, 0, len(leafIndices))
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		leaves = leaves[:0]
		var err error
		if checkpoint, err = tx.Checkpoint(logLength); errors.Is(err, store.ErrNotFound) {
			return &registry.CheckpointNotFoundError{LogLength: logLength}
		} else if err != nil {
			return err
		}
		for _, i := range leafIndices {
			if i >= logLength {
				return &registry.LeafNotFoundError{Index: i}
			}
			leaf, err := tx.Leaf(i)
			if err != nil {
				return err
			}
			leaves = append(leaves, leaf)
		}
		return nil
	})
	return checkpoint, leaves, err
}

// mapProofError tells a leaf that is not the head of its log from a defect of
// the index.
func mapProofError(err error) error {
	var mismatch *proof.RootMismatchError
	if errors.As(err, &mismatch) {
		return &registry.IncorrectProofError{Root: mismatch.Want, Found: mismatch.Got}
	}
	return err
}

func bundleError(err error) error {
	if errors.Is(err, proof.ErrNoProofs) || errors.Is(err, proof.ErrRange) {
		return &registry.BundleError{Reason: err.Error()}
	}
	return err
}

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
	var roots []protocol.Hash
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		checkpoint, err := tx.Checkpoint(length)
		if err == nil {
			roots = checkpoint.Roots
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		latest, err := tx.LatestCheckpoint()
		if errors.Is(err, store.ErrNotFound) || err == nil && length > latest.Signed.Contents.LogLength {
			return &registry.CheckpointNotFoundError{LogLength: length}
		}
		return err
	})
	if err != nil || roots != nil {
		return roots, err
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
	var leaf store.Leaf
	err := r.Store.View(ctx, func(tx *store.Tx) (err error) {
		leaf, err = tx.Leaf(length - 1)
		return err
	})
	if err != nil {
		return proof.LeafPath{}, err
	}
	path, err := r.Records.InclusionProof(ctx, length-1, at)
	return proof.LeafPath{Index: length - 1, LeafHash: leaf.Hash(), Path: path}, err
}

// VerifyCheckpoint compares a checkpoint that somebody was given with what this
// registry signed: are its roots those of that length, and does its signature
// hold by a key that may sign here? As in the reference (warg-server,
// api/v1/monitor.rs), a length that was never a checkpoint's is invalid.
func (r *Reader) VerifyCheckpoint(ctx context.Context, c protocol.ReceivedCheckpoint) (checkpoint, signature Verdict, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		ours, err := tx.Checkpoint(c.LogLength)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		roots := ours.Signed.Contents.Checkpoint
		checkpoint = verdict(err == nil && c.LogRoot == roots.LogRoot.Any() && c.MapRoot == roots.MapRoot.Any())
		operator, err := operatorLog(tx)
		if err != nil {
			return err
		}
		key, known := operator.PublicKey(c.KeyID)
		signature = verdict(known && operator.HasPermission(c.KeyID, protocol.PermissionCommit) && c.Verify(key) == nil)
		return nil
	})
	return checkpoint, signature, err
}

func verdict(ok bool) Verdict {
	if ok {
		return Verified
	}
	return Invalid
}

func operatorLog(tx *store.Tx) (*protocol.OperatorLog, error) {
	row, err := tx.Log(protocol.OperatorLogID())
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	log := new(protocol.OperatorLog)
	if err := log.UnmarshalJSON(row.State); err != nil {
		return nil, fmt.Errorf("read the operator log's state: %w", err)
	}
	return log, nil
}
