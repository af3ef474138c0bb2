package index

import (
	"context"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Prove makes the bundle that proves these logs, in this order, to have these
// records as their heads in the map of a snapshot: byte for byte the one that the
// reference makes, which names every sibling from the deepest that is not
// empty (and the one below the root in any case) up to the root. Without leaves
// the bundle is empty.
//
// Errors: *[AbsentError], *[proof.RootMismatchError] if another record is the
// head, [ErrCorrupt], or what the reader reports.
func (t *Tree) Prove(ctx context.Context, tiles TileReader, at Snapshot, leaves []proof.MapLeaf) (proof.MapBundle, error) {
	paths := make([]protocol.Hash, len(leaves))
	for i := range leaves {
		paths[i] = protocol.MapKey(leaves[i].LogID)
	}
	found, err := t.prove(ctx, tiles, at, paths)
	if err != nil {
		return proof.MapBundle{}, err
	}
	b := proof.MapBundle{Proofs: make([]proof.MapProof, len(leaves))}
	heads := true
	for i, path := range paths {
		p, ok := found[path]
		if !ok {
			return proof.MapBundle{}, &AbsentError{LogID: leaves[i].LogID}
		}
		b.Proofs[i] = p.siblings
		heads = heads && p.leaf == protocol.MapLeafHash(leaves[i].RecordID)
	}
	if !heads {
		return b, b.Verify(at.Root, leaves) // it says which one, and to what its proof leads
	}
	return b, nil
}

// proven is a key that the map has.
type proven struct {
	leaf     protocol.Hash
	siblings proof.MapProof
}

// prove returns the proofs of those paths that the map has.
func (t *Tree) prove(ctx context.Context, tiles TileReader, at Snapshot, paths []protocol.Hash) (map[protocol.Hash]proven, error) {
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
	found := make(map[protocol.Hash]proven, len(paths))
	top.collect(nil, found)
	return found, nil
}

// collect adds the proofs of the keys of v that are there. siblings are those
// on the way to v from the root, topmost first.
func (v *visit) collect(siblings []protocol.Hash, found map[protocol.Hash]proven) {
	if v.tile == nil {
		return
	}
	if v.tile.inner == nil {
		v.collectBucket(siblings, found)
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

// collectBucket takes the leaves of a bucket for those that its tops come from: its
// checksum says so.
func (v *visit) collectBucket(siblings []protocol.Hash, found map[protocol.Hash]proven) {
	for i := range v.keys {
		path := &v.keys[i].path
		at := slices.IndexFunc(v.tile.keys, func(k key) bool { return k.path == *path })
		if at < 0 {
			continue
		}
		found[*path] = proven{v.tile.keys[at].leaf, mapProof(v.tile.siblings(at, slices.Clip(siblings)))}
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
