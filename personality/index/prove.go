package index

import (
	"context"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Prove makes the bundle that proves these logs, in this order, to be in the map
// of a snapshot, with the record that it has there: byte for byte the one that
// the reference makes, which names every sibling from the deepest that is not
// empty (and the one below the root in any case) up to the root. Without log ids
// the bundle is empty.
//
// Errors: *[AbsentError], [ErrCorrupt], or what the reader reports.
func (t *Tree) Prove(ctx context.Context, tiles TileReader, at Snapshot, logIDs []protocol.Hash) (proof.MapBundle, error) {
	paths := make([]protocol.Hash, len(logIDs))
	for i, id := range logIDs {
		paths[i] = protocol.MapKey(id)
	}
	found, err := t.prove(ctx, tiles, at, paths)
	if err != nil {
		return proof.MapBundle{}, err
	}
	b := proof.MapBundle{Proofs: make([]proof.MapProof, len(logIDs))}
	for i, path := range paths {
		p, ok := found[path]
		if !ok {
			return proof.MapBundle{}, &AbsentError{LogID: logIDs[i]}
		}
		b.Proofs[i] = p
	}
	return b, nil
}

// prove returns the proofs of those paths that the map has.
func (t *Tree) prove(ctx context.Context, tiles TileReader, at Snapshot, paths []protocol.Hash) (map[protocol.Hash]proof.MapProof, error) {
	keys := make([]key, len(paths))
	for i, path := range paths {
		keys[i].path = path
	}
	if len(keys) == 0 {
		return nil, nil
	}
	top, err := t.walk(ctx, tiles, at, lastOfEach(keys))
	if err != nil {
		return nil, err
	}
	found := make(map[protocol.Hash]proof.MapProof, len(paths))
	top.collect(nil, found)
	return found, nil
}

// collect adds the proofs of the keys of v that are there. siblings are those
// on the way to v from the root, topmost first.
func (v *visit) collect(siblings []protocol.Hash, found map[protocol.Hash]proof.MapProof) {
	if v.tile == nil {
		return
	}
	if v.tile.inner == nil {
		for i := range v.keys {
			path := &v.keys[i].path
			if at := slices.IndexFunc(v.tile.keys, func(k key) bool { return k.path == *path }); at >= 0 {
				found[*path] = mapProof(v.tile.siblings(at, slices.Clip(siblings)))
			}
		}
		return
	}
	for _, b := range v.below {
		way := slices.Clip(siblings)
		leaf := fanOut + nibble(&b.keys[0].path, depthOf(v.id))
		for above := tileHeight - 1; above >= 0; above-- {
			way = append(way, v.tile.inner[leaf>>above^1])
		}
		b.collect(way, found)
	}
}

// siblings appends those on the way from the root of a bucket to one of its
// keys, down to where that is alone.
func (t *tile) siblings(at int, siblings []protocol.Hash) []protocol.Hash {
	depth := depthOf(t.id)
	for keys := t.keys; len(keys) > 1; depth++ {
		fork, right := part(keys)
		for ; depth < fork; depth++ {
			siblings = append(siblings, proof.EmptyMapHash(proof.MapDepth-1-depth))
		}
		own, other := keys[:right], keys[right:]
		if at >= right {
			own, other, at = other, own, at-right
		}
		siblings = append(siblings, subtreeRoot(other, fork+1))
		keys = own
	}
	return siblings
}

// mapProof makes a proof of sibling hashes, topmost first.
func mapProof(siblings []protocol.Hash) proof.MapProof {
	last := len(siblings)
	for last > 0 && siblings[last-1] == proof.EmptyMapHash(proof.MapDepth-last) {
		last--
	}
	if last == 0 { // the only key of the map
		siblings, last = []protocol.Hash{proof.EmptyMapHash(proof.MapDepth - 1)}, 1
	}
	p := make(proof.MapProof, last)
	for i := range p {
		p[i] = &siblings[last-1-i]
	}
	return p
}
