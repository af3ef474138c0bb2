package index

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/trillian/merkle/smt"
	"github.com/google/trillian/merkle/smt/node"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Update computes the map after changes on top of base: its root, and the tiles
// that changed, which the caller stores under the new revision, in the same
// transaction as whatever names that revision. Of several changes to one log
// the last one counts. Changes that set what is set already change no tile; with
// none at all the root is base's. The result depends only on the two maps.
//
// Errors: [ErrCorrupt], or what the reader reports.
func (t *Tree) Update(ctx context.Context, tiles TileReader, base Snapshot, changes []Change) (protocol.Hash, []Tile, error) {
	keys := make([]key, len(changes))
	for i, c := range changes {
		keys[i] = key{path: protocol.MapKey(c.LogID), leaf: protocol.MapLeafHash(c.RecordID)}
	}
	return t.update(ctx, tiles, base, keys)
}

// update is Update given paths and leaf hashes. It takes the slice over.
func (t *Tree) update(ctx context.Context, tiles TileReader, base Snapshot, keys []key) (protocol.Hash, []Tile, error) {
	keys = lastOfEach(keys)
	if len(keys) == 0 {
		if base == (Snapshot{}) {
			return EmptyRoot(), nil, nil
		}
		return base.Root, nil, nil
	}
	top, err := t.walk(ctx, tiles, base, keys)
	if err != nil {
		return protocol.Hash{}, nil, err
	}
	var made []*tile
	root, err := top.apply(&made)
	if err != nil {
		return protocol.Hash{}, nil, err
	}
	changed := make([]Tile, len(made))
	for i, m := range made {
		changed[i] = Tile{ID: tileID(m.id), Data: m.encode()}
		t.keep(m)
	}
	slices.SortFunc(changed, func(a, b Tile) int { return bytes.Compare(a.ID, b.ID) })
	return root, changed, nil
}

// lastOfEach sorts keys by path and keeps the last of those with the same path.
func lastOfEach(keys []key) []key {
	slices.SortStableFunc(keys, func(a, b key) int { return bytes.Compare(a.path[:], b.path[:]) })
	n := 0
	for i := range keys {
		if i+1 == len(keys) || keys[i+1].path != keys[i].path {
			keys[n] = keys[i]
			n++
		}
	}
	return keys[:n]
}

// apply puts the keys of v into its subtree and returns the new root of that. It
// appends the tiles that it makes.
func (v *visit) apply(made *[]*tile) (protocol.Hash, error) {
	if v.tile == nil {
		return grow(v.id, v.keys, made)
	}
	if v.tile.inner == nil {
		keys, changed := merge(v.tile.keys, v.keys)
		if !changed {
			return v.root, nil
		}
		return grow(v.id, keys, made)
	}
	leaves := make([]smt.Node, 0, len(v.below))
	for _, b := range v.below {
		root, err := b.apply(made)
		if err != nil {
			return root, err
		}
		if root != b.root {
			leaves = append(leaves, smt.Node{ID: b.id, Hash: root[:]})
		}
	}
	if len(leaves) == 0 {
		return v.root, nil
	}
	return v.tile.finish(leaves, made)
}

// merge returns keys with those of changes put in, both by path, and whether
// that makes a difference. Keys that did not change keep their top hashes.
func merge(keys, changes []key) ([]key, bool) {
	merged := make([]key, 0, len(keys)+len(changes))
	changed := false
	for len(changes) > 0 {
		order := 1
		if len(keys) > 0 {
			order = bytes.Compare(keys[0].path[:], changes[0].path[:])
		}
		if order < 0 || order == 0 && keys[0].leaf == changes[0].leaf {
			merged, keys = append(merged, keys[0]), keys[1:]
			if order == 0 {
				changes = changes[1:]
			}
			continue
		}
		if order == 0 {
			keys = keys[1:]
		}
		merged, changes, changed = append(merged, changes[0]), changes[1:], true
	}
	return append(merged, keys...), changed
}

// grow makes the tiles of a subtree that has exactly these keys, of which none
// is in an inner tile yet, and returns its root.
func grow(id node.ID, keys []key, made *[]*tile) (protocol.Hash, error) {
	depth := depthOf(id)
	if len(keys) <= bucketSize {
		b := newBucket(id, slices.Clone(keys))
		*made = append(*made, b)
		return b.root, nil
	}
	leaves := make([]smt.Node, 0, fanOut)
	for len(keys) > 0 {
		n := split(keys, depth)
		child := node.NewID(string(keys[0].path[:]), uint(depth+tileHeight))
		root, err := grow(child, keys[:n], made)
		if err != nil {
			return root, err
		}
		leaves = append(leaves, smt.Node{ID: child, Hash: root[:]})
		keys = keys[n:]
	}
	return newInner(id).finish(leaves, made)
}

// finish makes the inner tile that has these leaves changed.
func (t *tile) finish(leaves []smt.Node, made *[]*tile) (protocol.Hash, error) {
	changed, err := t.with(leaves)
	if err != nil {
		return protocol.Hash{}, err
	}
	*made = append(*made, changed)
	return changed.root, nil
}
