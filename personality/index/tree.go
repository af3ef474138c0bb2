package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/trillian/merkle/smt/node"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ErrCorrupt: a tile that must be in the store is missing there, unreadable, or
// does not hash to what the tile above it, or the checkpoint, says. No proof or
// update is possible where it is; the map can be rebuilt from the log.
var ErrCorrupt = errors.New("the stored package index is damaged")

// AbsentError: the map has no such log at that revision.
type AbsentError struct{ LogID protocol.Hash }

func (e *AbsentError) Error() string { return fmt.Sprintf("log %s is not in the map", e.LogID) }

// Tile is one version of one tile, to be stored under the revision that it was
// made for.
type Tile struct {
	ID   []byte // its position, 1 to 33 bytes (3 or 4 as a rule); sorts from left to right
	Data []byte // some 100 bytes to 800
}

// TileReader reads stored tiles. Tiles returns, of each tile with one of these
// ids, the newest version that is stored under this revision or an earlier one,
// by string(id). A tile that has none is absent from the answer. One call asks for
// tiles of one level, at most as many as there are keys in the update or proof.
type TileReader interface {
	Tiles(ctx context.Context, ids [][]byte, revision uint64) (map[string][]byte, error)
}

// Snapshot is the map at one revision. Both members are in a signed checkpoint,
// as its log length and its map root. The zero Snapshot is the empty map.
type Snapshot struct {
	Revision uint64
	Root     protocol.Hash
}

// Change sets a log's latest record.
type Change struct{ LogID, RecordID protocol.Hash }

// Tree computes and proves the map. It holds no state but tiles in a cache,
// which are the same for all revisions and never go stale: not when a
// transaction that stores tiles is rolled back, nor when another process
// writes. Safe for concurrent use.
type Tree struct {
	tiles *cache.Map[uint64, *tile] // by the first bytes of their roots
}

// NewTree returns a Tree that keeps tiles in a cache.
func NewTree(c *cache.Cache) *Tree { return &Tree{tiles: cache.NewMap[uint64](c, 1, (*tile).size)} }

// kept returns a tile, if it is kept. Its revision does not matter: what it has
// follows from its root.
func (t *Tree) kept(id node.ID, root protocol.Hash) *tile {
	kept, ok := t.tiles.Get(binary.BigEndian.Uint64(root[:]))
	if !ok || kept.root != root || kept.id != id {
		return nil
	}
	return kept
}

func (t *Tree) keep(made *tile) { t.tiles.Put(binary.BigEndian.Uint64(made.root[:]), made) }

// EmptyRoot is the root of the empty map.
func EmptyRoot() protocol.Hash { return proof.EmptyMapHash(proof.MapDepth) }

// Root computes the root of a revision from its topmost tile: the root of the
// newest revision up to this one that is stored. It does not look at the cache.
func Root(ctx context.Context, tiles TileReader, revision uint64) (protocol.Hash, error) {
	top := node.ID{}
	id := tileID(top)
	found, err := tiles.Tiles(ctx, [][]byte{id}, revision)
	if err != nil {
		return protocol.Hash{}, fmt.Errorf("read the topmost tile of the map at revision %d: %w", revision, err)
	}
	data, ok := found[string(id)]
	if !ok {
		return EmptyRoot(), nil
	}
	t, err := decodeTile(top, data)
	if err != nil {
		return protocol.Hash{}, fmt.Errorf("%w: topmost tile at revision %d: %w", ErrCorrupt, revision, err)
	}
	return t.root, nil
}

// visit is one tile of a walk down the tree towards some keys.
type visit struct {
	id    node.ID
	root  protocol.Hash // what the tile must hash to
	keys  []key         // those walked to in this subtree, by path, each once, at least one
	tile  *tile         // nil where the map has nothing
	below []*visit      // tiles further down, by path, if the tile is an inner one
}

// walk visits the tiles on the way to keys (by path, each once) in a snapshot,
// level by level, and reads those of a level that are not cached in one go.
func (t *Tree) walk(ctx context.Context, tiles TileReader, at Snapshot, keys []key) (*visit, error) {
	top := &visit{root: at.Root, keys: keys}
	if at == (Snapshot{}) {
		top.root = EmptyRoot()
	}
	for level := []*visit{top}; len(level) > 0; {
		if err := t.load(ctx, tiles, at.Revision, level); err != nil {
			return nil, err
		}
		var next []*visit
		for _, v := range level {
			if v.tile != nil && v.tile.inner != nil {
				v.below = v.descend()
				next = append(next, v.below...)
			}
		}
		level = next
	}
	return top, nil
}

// descend lists the tiles below v on the way to its keys.
func (v *visit) descend() []*visit {
	depth := depthOf(v.id)
	var below []*visit
	for keys := v.keys; len(keys) > 0; {
		n := split(keys, depth)
		below = append(below, &visit{
			id:   node.NewID(string(keys[0].path[:]), uint(depth+tileHeight)),
			root: v.tile.inner[fanOut+nibble(&keys[0].path, depth)],
			keys: keys[:n],
		})
		keys = keys[n:]
	}
	return below
}

// load sets the tile of visits at one depth, from the cache or the store.
func (t *Tree) load(ctx context.Context, tiles TileReader, revision uint64, level []*visit) error {
	empty := proof.EmptyMapHash(proof.MapDepth - depthOf(level[0].id))
	var missing []*visit
	var ids [][]byte
	for _, v := range level {
		if v.root == empty {
			continue
		}
		if v.tile = t.kept(v.id, v.root); v.tile == nil {
			missing = append(missing, v)
			ids = append(ids, tileID(v.id))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := tiles.Tiles(ctx, ids, revision)
	if err != nil {
		return fmt.Errorf("read %d tiles of the map at revision %d: %w", len(ids), revision, err)
	}
	for i, v := range missing {
		data, ok := found[string(ids[i])]
		if !ok {
			return fmt.Errorf("%w: tile %v at revision %d is missing", ErrCorrupt, v.id, revision)
		}
		read, err := decodeTile(v.id, data)
		if err != nil {
			return fmt.Errorf("%w: tile %v at revision %d: %w", ErrCorrupt, v.id, revision, err)
		}
		if read.root != v.root {
			return fmt.Errorf("%w: tile %v at revision %d hashes to %s, want %s", ErrCorrupt, v.id, revision, read.root, v.root)
		}
		v.tile = read
		t.keep(read)
	}
	return nil
}
