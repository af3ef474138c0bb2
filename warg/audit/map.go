package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// mapStore keeps the tiles of a map by their places. A value may be read back before it
// is on disk.
type mapStore interface {
	get(ctx context.Context, space string, key []byte) ([]byte, error)
	put(space string, key, value []byte)
}

// packageMap is the verifiable map from log ids to heads, a sparse Merkle tree with 256
// levels, computed here from the records alone. It is for one goroutine at a time.
type packageMap struct{ store mapStore }

// mapEntry is a new value of the map.
type mapEntry struct{ key, leaf protocol.Hash }

// newMapEntry sets the head of a log.
func newMapEntry(logID, recordID protocol.Hash) mapEntry {
	return mapEntry{protocol.MapKey(logID), protocol.MapLeafHash(recordID)}
}

// update sets values, of which there is at most one for a key, and returns the new root.
func (m packageMap) update(ctx context.Context, entries []mapEntry) (protocol.Hash, error) {
	slices.SortFunc(entries, func(a, b mapEntry) int { return bytes.Compare(a.key[:], b.key[:]) })
	top, err := m.tile(ctx, protocol.Hash{}, 0)
	if err != nil {
		return protocol.Hash{}, err
	}
	if err := m.setTile(ctx, top, 0, entries); err != nil {
		return protocol.Hash{}, err
	}
	return top.root(0), nil
}

// tile reads a tile; one that is not there is empty.
func (m packageMap) tile(ctx context.Context, key protocol.Hash, depth int) (*mapTile, error) {
	b, err := m.store.get(ctx, spaceMap, tileKey(key, depth))
	if err != nil || b == nil {
		return new(mapTile), err
	}
	t, err := decodeMapTile(b)
	if err != nil {
		return nil, fmt.Errorf("%w (tile %s)", err, mapPlace(depth, key))
	}
	return t, nil
}

// setTile sets values that are below a tile, in order of their keys, and stores it.
func (m packageMap) setTile(ctx context.Context, t *mapTile, depth int, entries []mapEntry) error {
	if len(entries) == 0 {
		return nil
	}
	place := entries[0].key
	for len(entries) > 0 {
		n := nibble(entries[0].key, depth)
		end := slices.IndexFunc(entries, func(e mapEntry) bool { return nibble(e.key, depth) != n })
		if end < 0 {
			end = len(entries)
		}
		if err := m.setChild(ctx, &t[n], depth+1, entries[:end]); err != nil {
			return err
		}
		entries = entries[end:]
	}
	m.store.put(spaceMap, tileKey(place, depth), t.encode())
	return nil
}

// setChild sets values that are below a child at a depth.
func (m packageMap) setChild(ctx context.Context, c *mapChild, depth int, entries []mapEntry) error {
	below := new(mapTile)
	switch c.kind {
	case childLeaf:
		at, found := slices.BinarySearchFunc(entries, c.key, func(e mapEntry, key protocol.Hash) int {
			return bytes.Compare(e.key[:], key[:])
		})
		if !found {
			entries = slices.Insert(slices.Clone(entries), at, mapEntry{c.key, c.leaf})
		}
	case childInner:
		var err error
		if below, err = m.tile(ctx, entries[0].key, depth); err != nil {
			return err
		}
	}
	if c.kind != childInner && len(entries) == 1 {
		e := entries[0]
		*c = mapChild{kind: childLeaf, key: e.key, leaf: e.leaf, hash: loneLeaf(e.key, e.leaf, proof.MapDepth-mapBits*depth)}
		return nil
	}
	if depth > maxMapDepth {
		return fmt.Errorf("the map has a key twice (%s)", entries[0].key)
	}
	if err := m.setTile(ctx, below, depth, entries); err != nil {
		return err
	}
	*c = mapChild{kind: childInner, hash: below.root(depth)}
	return nil
}

// prove returns the siblings of a key's leaf, as a proof of the protocol has them, and
// whether the key has a value; of one that has none they prove that.
func (m packageMap) prove(ctx context.Context, key protocol.Hash) (siblings proof.MapProof, has bool, err error) {
	var tiles []*mapTile
	var other *mapChild // the leaf that is alone where the key would be
	for depth := 0; ; depth++ {
		t, err := m.tile(ctx, key, depth)
		if err != nil {
			return nil, false, err
		}
		tiles = append(tiles, t)
		c := &t[nibble(key, depth)]
		if c.kind == childInner {
			continue
		}
		has = c.kind == childLeaf && c.key == key
		if c.kind == childLeaf && !has {
			other = c
		}
		break
	}
	siblings = make(proof.MapProof, proof.MapDepth)
	if other != nil {
		split := 0
		for keyBit(key, split) == keyBit(other.key, split) {
			split++
		}
		level := proof.MapDepth - 1 - split // of the sibling
		hash := loneLeaf(other.key, other.leaf, level)
		siblings[level] = &hash
	}
	for depth, t := range tiles {
		t.siblings(siblings, key, depth)
	}
	first := slices.IndexFunc(siblings, func(h *protocol.Hash) bool { return h != nil })
	if first < 0 {
		first = len(siblings)
	}
	return siblings[first:], has, nil
}

// bundle is a bundle with the proofs of some logs.
func (m packageMap) bundle(ctx context.Context, logIDs ...protocol.Hash) ([]byte, error) {
	var b proof.MapBundle
	for _, id := range logIDs {
		p, _, err := m.prove(ctx, protocol.MapKey(id))
		if err != nil {
			return nil, err
		}
		b.Proofs = append(b.Proofs, p)
	}
	return b.Encode(), nil
}

// siblings puts those on the way of a key through a tile, by level; nil for an empty one.
func (t *mapTile) siblings(out proof.MapProof, key protocol.Hash, depth int) {
	level := proof.MapDepth - mapBits*(depth+1)
	hashes := make([]protocol.Hash, len(t))
	for i := range t {
		hashes[i] = t.childHash(i, level)
	}
	at := nibble(key, depth)
	for len(hashes) > 1 {
		if s := hashes[at^1]; s != proof.EmptyMapHash(level) {
			out[level] = &s
		}
		for i := range len(hashes) / 2 {
			hashes[i] = proof.HashChildren(&hashes[2*i], &hashes[2*i+1])
		}
		hashes, at, level = hashes[:len(hashes)/2], at/2, level+1
	}
}

// memoryMap keeps the tiles of a map for a while.
type memoryMap map[string][]byte

func (m memoryMap) get(_ context.Context, space string, key []byte) ([]byte, error) {
	return m[space+string(key)], nil
}

func (m memoryMap) put(space string, key, value []byte) { m[space+string(key)] = value }

// sortedHeads returns heads by log as new values of a map.
func sortedHeads(heads map[protocol.Hash]protocol.Hash) []mapEntry {
	entries := make([]mapEntry, 0, len(heads))
	for logID, recordID := range heads {
		entries = append(entries, newMapEntry(logID, recordID))
	}
	slices.SortFunc(entries, func(a, b mapEntry) int { return cmp.Compare(string(a.key[:]), string(b.key[:])) })
	return entries
}
