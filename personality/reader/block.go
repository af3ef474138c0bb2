package reader

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// blockName names a perfect subtree of the log by its first leaf and its height.
type blockName struct {
	start  uint64
	height int // at most blockHeight
}

// nodeName names a node of the log above the blocks: its height, and how many such
// nodes come before it.
type nodeName struct {
	height int
	number uint64
}

// block is a perfect subtree of the log with all that is in it.
type block struct {
	blockName
	leaves []protocol.LogLeaf
	// levels are the hashes from some height on up to the root. Those below are quickly
	// made again, and would take as much as the leaves.
	levels [][]protocol.Hash
}

// hashedAnew is how many levels of hashes a block does not keep, from the leaves on.
const hashedAnew = 3

func (b *block) size() int64 {
	size := unsafe.Sizeof(*b) + uintptr(len(b.leaves))*unsafe.Sizeof(protocol.LogLeaf{})
	for _, level := range b.levels {
		size += unsafe.Sizeof(level) + uintptr(len(level))*protocol.HashSize
	}
	return int64(size)
}

func (b *block) root() protocol.Hash { return b.levels[len(b.levels)-1][0] }

// path is the path of a leaf up to the balanced root above it, given the hashes
// beside the way above the block.
func (b *block) path(index uint64, above []protocol.Hash) [][]byte {
	path := make([][]byte, 0, b.height+len(above))
	at := index - b.start
	low := min(b.height, hashedAnew)
	level := leafHashes(b.leaves[at>>low<<low:][:1<<low])
	for place := at & (1<<low - 1); len(level) > 1; place /= 2 {
		path = append(path, level[place^1][:])
		level = levelAbove(level)
	}
	at >>= low
	for _, level := range b.levels[:len(b.levels)-1] {
		path = append(path, level[at^1][:])
		at /= 2
	}
	for i := range above {
		path = append(path, above[i][:])
	}
	return path
}

func leafHashes(leaves []protocol.LogLeaf) []protocol.Hash {
	hashes := make([]protocol.Hash, len(leaves))
	for i := range leaves {
		hashes[i] = leaves[i].Hash()
	}
	return hashes
}

func levelAbove(level []protocol.Hash) []protocol.Hash {
	above := make([]protocol.Hash, len(level)/2)
	for i := range above {
		above[i] = proof.HashChildren(&level[2*i], &level[2*i+1])
	}
	return above
}

// errBlockDamaged: what the database has of a block is not what the log has.
var errBlockDamaged = errors.New("the leaves in the database are not those of the log")

// block returns a block that has so many of the leaves that are asked for, with the
// hashes beside the way from it to the balanced root above it; nil if it is not kept
// and not worth while to be read.
func (r *Reader) block(ctx context.Context, checkpoint store.Checkpoint, name blockName, asked int) (*block, []protocol.Hash, error) {
	b, known := r.kept.blocks.Get(name)
	if !known {
		if !r.worthReading(name, asked) {
			return nil, nil, nil
		}
		var err error
		if b, err = r.readBlock(ctx, name); err != nil {
			return nil, nil, err
		}
	}
	above, err := r.above(ctx, checkpoint, b, known)
	if err == nil && !known { // it is the log's
		r.kept.blocks.Put(name, b)
	}
	return b, above, err
}

// worthReading tells whether a block should be read rather than Trillian be asked
// for paths: if many of its leaves are asked for, or if there is room to keep it. Where
// there is none, a few are kept all the same: what is asked for changes.
func (r *Reader) worthReading(name blockName, asked int) bool {
	const fewer = 8
	if (asked-1)*pathRows >= 1<<name.height {
		return true
	}
	used, most := r.kept.cache.Bytes()
	return used+most/16 < most || most > 0 && r.kept.blockMisses.Add(1)%fewer == 0
}

// readBlock reads the leaves of a block and hashes them. Whether they are those of
// the log is found out by the way to the checkpoint's roots.
func (r *Reader) readBlock(ctx context.Context, name blockName) (*block, error) {
	size := 1 << name.height
	rows, err := readOne(ctx, &r.database, func(tx *store.Tx) ([]store.Leaf, error) { return tx.Leaves(name.start, size) })
	if err != nil {
		return nil, err
	}
	if len(rows) != size || rows[size-1].RegistryIndex != name.start+uint64(size)-1 {
		return nil, fmt.Errorf("leaf %d and the %d behind it: %w", name.start, size-1, errBlockDamaged)
	}
	b := &block{blockName: name, leaves: make([]protocol.LogLeaf, size)}
	for i, row := range rows {
		b.leaves[i] = row.LogLeaf
	}
	level := leafHashes(b.leaves)
	for height := 0; ; height++ {
		if height >= min(b.height, hashedAnew) {
			b.levels = append(b.levels, level)
		}
		if height == b.height {
			return b, nil
		}
		level = levelAbove(level)
	}
}

// above returns the hashes beside the way from a block to the balanced root above
// it. They are Trillian's, and kept: the subtrees that they stand for are perfect, so
// they are the same in all longer logs. Unless the block is known to be the log's, that
// is checked: the way must lead to the checkpoint's root.
func (r *Reader) above(ctx context.Context, checkpoint store.Checkpoint, b *block, known bool) ([]protocol.Hash, error) {
	length := checkpoint.Signed.Contents.LogLength
	top, _ := balancedRootAbove(b.start, length)
	beside, kept := r.keptAbove(b, top)
	if known && kept {
		return beside, nil
	}
	if !kept {
		var err error
		if beside, err = r.askAbove(ctx, b, top, length); err != nil {
			return nil, err
		}
	}
	way := b.way(beside)
	if way[len(way)-1] != rootOfHeight(checkpoint, top) {
		return nil, fmt.Errorf("block of leaf %d at length %d: %w", b.start, length, errBlockDamaged)
	}
	for i := range beside {
		height := b.height + i
		r.kept.nodes.Put(nodeName{height, b.start >> height}, way[i])
		r.kept.nodes.Put(nodeName{height, b.start>>height ^ 1}, beside[i])
	}
	return beside, nil
}

func (r *Reader) keptAbove(b *block, top int) ([]protocol.Hash, bool) {
	beside := make([]protocol.Hash, 0, top-b.height)
	for height := b.height; height < top; height++ {
		hash, ok := r.kept.nodes.Get(nodeName{height, b.start>>height ^ 1})
		if !ok {
			return nil, false
		}
		beside = append(beside, hash)
	}
	return beside, true
}

func (r *Reader) askAbove(ctx context.Context, b *block, top int, length uint64) ([]protocol.Hash, error) {
	path, err := r.inclusionPath(ctx, b.start, length)
	if err != nil {
		return nil, err
	}
	if len(path) < top {
		return nil, fmt.Errorf("Trillian's path of leaf %d at length %d has %d hashes, want %d or more: %w", b.start, length, len(path), top, proof.ErrPath)
	}
	beside := make([]protocol.Hash, 0, top-b.height)
	for _, hash := range path[b.height:top] {
		if len(hash) != protocol.HashSize {
			return nil, fmt.Errorf("Trillian's path of leaf %d at length %d has a hash of %d bytes: %w", b.start, length, len(hash), proof.ErrPath)
		}
		beside = append(beside, protocol.Hash(hash))
	}
	return beside, nil
}

// way returns the hashes from the root of the block upwards, given those beside.
func (b *block) way(beside []protocol.Hash) []protocol.Hash {
	hash := b.root()
	way := []protocol.Hash{hash}
	for i := range beside {
		if b.start>>(b.height+i)&1 == 1 {
			hash = proof.HashChildren(&beside[i], &hash)
		} else {
			hash = proof.HashChildren(&hash, &beside[i])
		}
		way = append(way, hash)
	}
	return way
}

// rootOfHeight returns the balanced root of that height of a checkpoint's log: there
// is one for each bit of the length, the highest first.
func rootOfHeight(checkpoint store.Checkpoint, height int) protocol.Hash {
	return checkpoint.Roots[bits.OnesCount64(checkpoint.Signed.Contents.LogLength>>(height+1))]
}
