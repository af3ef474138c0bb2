package reader

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// blockHeight is the height of the perfect subtrees of the log whose leaves
	// are read together.
	blockHeight = 8
	// pathRows is how many leaves can be read and hashed in the time of one path
	// from Trillian. A path took 0.25 ms from the embedded one (1.3 ms from its
	// own server on MariaDB), a leaf 4 us.
	pathRows = 64
)

// logBundle proves leaves, in ascending order, to be in the log of a
// checkpoint. The bundle names them in the order in which they were asked for;
// its hashes are in the order of their nodes, whatever was asked for.
func (r *Reader) logBundle(ctx context.Context, checkpoint store.Checkpoint, order []uint64, leaves []store.Leaf) (proof.LogBundle, error) {
	length := checkpoint.Signed.Contents.LogLength
	paths, err := r.leafPaths(ctx, length, leaves)
	if err != nil {
		return proof.LogBundle{}, err
	}
	bundle, err := proof.InclusionBundle(length, checkpoint.Roots, paths)
	if err != nil {
		return bundle, bundleError(err)
	}
	bundle.IncludedNodes = make([]uint32, len(order))
	for i, index := range order {
		bundle.IncludedNodes[i] = uint32(2 * index) // as InclusionBundle did: it refuses lengths beyond
	}
	return bundle, nil
}

// leafPaths returns the paths of leaves, in ascending order, in the log of some
// length. Where several stand close together Trillian is asked for one path, and
// what the others have of their own is computed from the leaves around them.
func (r *Reader) leafPaths(ctx context.Context, length uint64, leaves []store.Leaf) ([]proof.LeafPath, error) {
	paths := make([]proof.LeafPath, 0, len(leaves))
	for len(leaves) > 0 {
		start, height := blockOf(leaves[0].RegistryIndex, length)
		n := 1
		for n < len(leaves) && leaves[n].RegistryIndex < start+1<<height {
			n++
		}
		inBlock := leaves[:n]
		if (n-1)*pathRows < 1<<height {
			inBlock = leaves[:1]
		}
		some, err := r.blockPaths(ctx, start, height, length, inBlock)
		if err != nil {
			return nil, err
		}
		paths, leaves = append(paths, some...), leaves[len(inBlock):]
	}
	return paths, nil
}

// blockOf returns the perfect subtree of at most blockHeight levels, of the log
// of some length, that has a leaf: its first leaf and its height.
func blockOf(index, length uint64) (start uint64, height int) {
	for left := length; left > 0; { // the balanced roots from left to right
		tree := bits.Len64(left) - 1
		if index < start+1<<tree {
			height = min(tree, blockHeight)
			return index >> height << height, height
		}
		start, left = start+1<<tree, left&^(1<<tree)
	}
	panic(fmt.Sprintf("leaf %d in a log of %d", index, length))
}

// blockPaths returns the paths of leaves of one block. Above the block all have
// the same path.
func (r *Reader) blockPaths(ctx context.Context, start uint64, height int, length uint64, leaves []store.Leaf) ([]proof.LeafPath, error) {
	first, err := r.inclusionPath(ctx, leaves[0].RegistryIndex, length)
	if err != nil {
		return nil, err
	}
	if len(leaves) == 1 {
		return []proof.LeafPath{{Index: leaves[0].RegistryIndex, LeafHash: leaves[0].Hash(), Path: first}}, nil
	}
	if len(first) < height {
		return nil, fmt.Errorf("Trillian's path of leaf %d at length %d has %d hashes, want %d or more: %w", leaves[0].RegistryIndex, length, len(first), height, proof.ErrPath)
	}
	levels, err := r.blockLevels(ctx, start, height)
	if err != nil {
		return nil, err
	}
	paths := make([]proof.LeafPath, len(leaves))
	for i, leaf := range leaves {
		path := make([][]byte, 0, len(first))
		at := leaf.RegistryIndex - start
		for _, level := range levels {
			path = append(path, level[at^1][:])
			at /= 2
		}
		paths[i] = proof.LeafPath{Index: leaf.RegistryIndex, LeafHash: leaf.Hash(), Path: append(path, first[height:]...)}
	}
	return paths, nil
}

// blockLevels returns the hashes of a block from its leaves up to the two nodes
// below its root. Whether they are those of the log is found out when the bundle
// is made: a path that does not lead to the checkpoint's roots is an error there.
func (r *Reader) blockLevels(ctx context.Context, start uint64, height int) ([][]protocol.Hash, error) {
	size := 1 << height
	leaves, err := read(ctx, &r.database, func(tx *store.Tx) ([]store.Leaf, error) { return tx.Leaves(start, size) })
	if err != nil {
		return nil, err
	}
	if len(leaves) != size || leaves[size-1].RegistryIndex != start+uint64(size)-1 {
		return nil, fmt.Errorf("the database has not all %d leaves from %d on", size, start)
	}
	level := make([]protocol.Hash, size)
	for i, leaf := range leaves {
		level[i] = leaf.Hash()
	}
	levels := [][]protocol.Hash{level}
	for len(level) > 2 {
		above := make([]protocol.Hash, len(level)/2)
		for i := range above {
			above[i] = proof.HashChildren(&level[2*i], &level[2*i+1])
		}
		level, levels = above, append(levels, above)
	}
	return levels, nil
}
