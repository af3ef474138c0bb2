package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// levels are the levels of tiles that a log can have: 8 levels of the tree are one of
// tiles, and a tree has 64.
const levels = 8

// tileSource gives the tiles of a log.
type tileSource interface {
	// edge returns a partial tile, unverified.
	edge(ctx context.Context, f tlog.File) ([]byte, error)
	// full returns a full tile after check has accepted it.
	full(ctx context.Context, f tlog.File, check func(tile []byte) error) ([]byte, error)
}

// tree gives the tiles of a log of some size, each verified against the root: the
// tiles at the right edge all together, and each full tile against its hash in the tile
// above it. Not safe for concurrent use.
type tree struct {
	head   tlog.TreeHead
	source tileSource
	edge   [levels][]protocol.Hash // partial tiles at the right edge, by level; nil if there is none
	last   [levels]cachedTile      // of the full tiles, the one that was asked for last
}

type cachedTile struct {
	index  uint64
	hashes []protocol.Hash // nil: none
}

// errOtherRoot says that the tiles at the right edge are not those of the tree head.
var errOtherRoot = errors.New("the tiles at the right edge are not those of the tree head")

// newTree obtains the tiles at the right edge of the log of a tree head, whose note
// was verified.
func newTree(ctx context.Context, head tlog.TreeHead, source tileSource) (*tree, error) {
	t := &tree{head: head, source: source}
	var roots []protocol.Hash
	for level := levels - 1; level >= 0; level-- {
		f, ok := edgeTile(level, head.Size)
		if !ok {
			continue
		}
		tile, err := source.edge(ctx, f)
		if err != nil {
			return nil, err
		}
		t.edge[level] = splitHashes(tile)
		roots = append(roots, perfectRoots(t.edge[level])...)
	}
	if root := proof.RootOf(roots); root != head.Root {
		return nil, fmt.Errorf("%w: those of the log %s with %d leaves give the root %s, the signed tree head has %s", errOtherRoot, head.Origin, head.Size, root, head.Root)
	}
	return t, nil
}

// edgeTile is the partial tile at the right edge of a level; false if the level ends
// with a full one.
func edgeTile(level int, size uint64) (tlog.File, bool) {
	hashes := size >> (8 * level)
	width := int(hashes % tlog.TileWidth)
	return tlog.File{Kind: tlog.Tile, Level: level, Index: hashes / tlog.TileWidth, Width: width}, width > 0
}

// tile returns the hashes of a tile, verified.
func (t *tree) tile(ctx context.Context, level int, index uint64) ([]protocol.Hash, error) {
	if f, ok := edgeTile(level, t.head.Size); ok && f.Index == index {
		return t.edge[level], nil
	}
	if last := t.last[level]; last.hashes != nil && last.index == index {
		return last.hashes, nil
	}
	want, err := t.rootOf(ctx, level, index)
	if err != nil {
		return nil, err
	}
	f := tlog.File{Kind: tlog.Tile, Level: level, Index: index, Width: tlog.TileWidth}
	tile, err := t.source.full(ctx, f, func(tile []byte) error { return checkTile(tile, want) })
	if err != nil {
		return nil, err
	}
	t.last[level] = cachedTile{index, splitHashes(tile)}
	return t.last[level].hashes, nil
}

// rootOf is the hash of a full tile, which the tile above it has.
func (t *tree) rootOf(ctx context.Context, level int, index uint64) (protocol.Hash, error) {
	above, err := t.tile(ctx, level+1, index/tlog.TileWidth)
	if err != nil {
		return protocol.Hash{}, err
	}
	return above[index%tlog.TileWidth], nil
}

// checkTile demands that a full tile has a root.
func checkTile(tile []byte, root protocol.Hash) error {
	if got := proof.RootOf(perfectRoots(splitHashes(tile))); got != root {
		return fmt.Errorf("its hashes give %s, the tile above it has %s", got, root)
	}
	return nil
}

// rootAt is the root of the log when it had a size that is not above that of the tree.
func (t *tree) rootAt(ctx context.Context, size uint64) (protocol.Hash, error) {
	var roots []protocol.Hash
	for level := levels - 1; level >= 0; level-- {
		f, ok := edgeTile(level, size)
		if !ok {
			continue
		}
		hashes, err := t.tile(ctx, level, f.Index)
		if err != nil {
			return protocol.Hash{}, err
		}
		roots = append(roots, perfectRoots(hashes[:f.Width])...)
	}
	return proof.RootOf(roots), nil
}

// perfectRoots are the roots of the perfect subtrees that hashes split into, the
// largest first: one for each bit that is set in their number.
func perfectRoots(hashes []protocol.Hash) []protocol.Hash {
	var roots []protocol.Hash
	for len(hashes) > 0 {
		n := 1 << (bits.Len(uint(len(hashes))) - 1)
		level := append([]protocol.Hash(nil), hashes[:n]...)
		for ; n > 1; n /= 2 {
			for i := range n / 2 {
				level[i] = proof.HashChildren(&level[2*i], &level[2*i+1])
			}
		}
		roots = append(roots, level[0])
		hashes = hashes[1<<(bits.Len(uint(len(hashes)))-1):]
	}
	return roots
}

func splitHashes(tile []byte) []protocol.Hash {
	hashes := make([]protocol.Hash, len(tile)/protocol.HashSize)
	for i := range hashes {
		hashes[i] = protocol.Hash(tile[i*protocol.HashSize:])
	}
	return hashes
}
