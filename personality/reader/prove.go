package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/proof"
)

const (
	// maxLeaves is how many leaves one request may name.
	maxLeaves = 10_000
	// maxMapHashes bounds the map bundle of one answer: about 14 MB. Leaves that
	// are named again are proved once, but their map proofs are repeated; those of
	// 10,000 leaves in a map of ten million logs have 240,000.
	maxMapHashes = 400_000
	// chunk is how many leaves are worked on between two looks at whether the
	// client still waits, and so how many rows one read asks for.
	chunk = 256
)

// ProveInclusion returns the encoded bundles that prove, at the length of a
// checkpoint, leaves to be in the records log and to be the heads of their logs
// in the package index, in the order in which they are named. A leaf that is
// named again is proved once, and named again in the bundles as the reference
// does.
//
// Errors: *[registry.CheckpointNotFoundError], *[registry.LeafNotFoundError],
// *[registry.IncorrectProofError] for a leaf that is no head,
// *[registry.TooLargeError] for more than 10,000 leaves or too large an answer,
// [registry.ErrOverloaded] if too many ask for many leaves at a time.
func (r *Reader) ProveInclusion(ctx context.Context, logLength uint64, leafIndices []uint64) (logBundle, mapBundle []byte, err error) {
	if len(leafIndices) > maxLeaves {
		return nil, nil, &registry.TooLargeError{Reason: fmt.Sprintf("the request names %d leaves; at most %d are proved in one: ask for the others in another request", len(leafIndices), maxLeaves)}
	}
	leave, err := r.large.enterIfLarge(ctx, len(leafIndices))
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	checkpoint, err := r.checkpoint(ctx, logLength)
	if err != nil {
		return nil, nil, err
	}
	if err := areLeaves(leafIndices, logLength); err != nil {
		return nil, nil, err
	}
	leaves, err := r.leaves(ctx, logLength, slices.Compact(slices.Sorted(slices.Values(leafIndices))))
	if err != nil {
		return nil, nil, err
	}
	inMap, err := r.mapBundle(ctx, checkpoint, leafIndices, leaves)
	if err != nil {
		return nil, nil, err
	}
	inLog, err := r.logBundle(ctx, checkpoint, leafIndices, leaves)
	if err != nil {
		return nil, nil, err
	}
	return inLog.Encode(), inMap.Encode(), nil
}

// checkpoint returns the checkpoint of a log length, but for its time and
// signature, which may be earlier ones.
func (r *Reader) checkpoint(ctx context.Context, logLength uint64) (store.Checkpoint, error) {
	if c, ok := r.kept.checkpoints.Get(logLength); ok {
		return c, nil
	}
	c, err := readOne(ctx, &r.database, func(tx *store.Tx) (store.Checkpoint, error) { return tx.Checkpoint(logLength) })
	if errors.Is(err, store.ErrNotFound) {
		err = &registry.CheckpointNotFoundError{LogLength: logLength}
	}
	if err == nil {
		r.kept.checkpoints.Put(logLength, c)
	}
	return c, err
}

// leaves returns the leaves at indices, which are in ascending order and below the
// length of a checkpoint, without the keys of their records.
func (r *Reader) leaves(ctx context.Context, length uint64, indices []uint64) ([]store.Leaf, error) {
	found := make([]store.Leaf, len(indices))
	var unknown []uint64
	for i, index := range indices {
		if b, ok := r.kept.blocks.Get(blockOf(index, length)); ok {
			found[i] = store.Leaf{LogLeaf: b.leaves[index-b.start], RegistryIndex: index}
		} else {
			unknown = append(unknown, index)
		}
	}
	next := 0
	for some := range slices.Chunk(unknown, chunk) {
		view := read[[]store.Leaf]
		if len(some) == 1 {
			view = readOne
		}
		rows, err := view(ctx, &r.database, func(tx *store.Tx) ([]store.Leaf, error) { return leavesAt(tx, some) })
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			for indices[next] != row.RegistryIndex {
				next++
			}
			found[next] = row
		}
	}
	return found, ctx.Err()
}

// areLeaves checks that indices are those of leaves of a log, and that there are
// any.
func areLeaves(indices []uint64, length uint64) error {
	if len(indices) == 0 {
		return bundleError(proof.ErrNoProofs)
	}
	for _, i := range indices {
		if i >= length {
			return &registry.LeafNotFoundError{Index: i}
		}
	}
	return nil
}

// leavesAt reads the leaves at indices, all of which are published.
func leavesAt(tx *store.Tx, indices []uint64) ([]store.Leaf, error) {
	found, err := tx.LeavesAt(indices)
	if err == nil && len(found) != len(indices) {
		err = fmt.Errorf("the database has %d of the %d leaves between %d and %d that were asked for", len(found), len(indices), indices[0], indices[len(indices)-1])
	}
	return found, err
}

// mapBundle proves leaves to be the heads of their logs. It comes before the log
// bundle, which costs more: a leaf that is no head ends here.
func (r *Reader) mapBundle(ctx context.Context, checkpoint store.Checkpoint, order []uint64, leaves []store.Leaf) (proof.MapBundle, error) {
	byIndex := make(map[uint64]store.Leaf, len(leaves))
	for _, leaf := range leaves {
		byIndex[leaf.RegistryIndex] = leaf
	}
	proofs := make(map[uint64]proof.MapProof, len(leaves))
	for some := range slices.Chunk(firstOfEach(order), chunk) {
		heads := make([]proof.MapLeaf, len(some))
		for i, index := range some {
			heads[i] = proof.MapLeaf(byIndex[index].LogLeaf)
		}
		bundle, err := r.options.Index.Prove(ctx, tiles{&r.database}, checkpoint.Snapshot(), heads)
		if err != nil {
			return bundle, mapProofError(fmt.Errorf("prove %d logs in the package index at revision %d: %w", len(heads), checkpoint.Snapshot().Revision, err))
		}
		for i, index := range some {
			proofs[index] = bundle.Proofs[i]
		}
		if err := ctx.Err(); err != nil {
			return bundle, err
		}
	}
	return orderedMapBundle(order, proofs)
}

// firstOfEach returns indices without those that came before, in their order.
func firstOfEach(indices []uint64) []uint64 {
	seen := make(map[uint64]bool, len(indices))
	first := make([]uint64, 0, len(indices))
	for _, i := range indices {
		if !seen[i] {
			seen[i] = true
			first = append(first, i)
		}
	}
	return first
}

// orderedMapBundle has the proofs of leaves in the order in which they were
// asked for.
func orderedMapBundle(order []uint64, proofs map[uint64]proof.MapProof) (proof.MapBundle, error) {
	bundle := proof.MapBundle{Proofs: make([]proof.MapProof, len(order))}
	hashes := 0
	for i, index := range order {
		bundle.Proofs[i] = proofs[index]
		hashes += len(proofs[index])
	}
	if hashes > maxMapHashes {
		return proof.MapBundle{}, &registry.TooLargeError{Reason: fmt.Sprintf("the proofs of these %d leaves have %d hashes; an answer has at most %d: ask for them in several requests", len(order), hashes, maxMapHashes)}
	}
	return bundle, nil
}

// mapProofError tells a leaf that is not the head of its log from a defect of
// the index.
func mapProofError(err error) error {
	if mismatch, ok := errors.AsType[*proof.RootMismatchError](err); ok {
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
