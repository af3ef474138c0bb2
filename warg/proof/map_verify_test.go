package proof

import (
	"errors"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A map of two logs, by hand: their paths part somewhere near the root.
func TestMapBundleVerify(t *testing.T) {
	leaves := []MapLeaf{
		{LogID: protocol.HashOf([]byte("log a")), RecordID: protocol.HashOf([]byte("record a"))},
		{LogID: protocol.HashOf([]byte("log b")), RecordID: protocol.HashOf([]byte("record b"))},
	}
	pathBit := func(i, depth int) byte {
		path := protocol.MapKey(leaves[i].LogID)
		return path[depth/8] >> (7 - depth%8) & 1
	}
	// up hashes from depth from to depth to along the path of a leaf.
	up := func(i int, hash protocol.Hash, from, to int) protocol.Hash {
		for depth := from - 1; depth >= to; depth-- {
			empty := EmptyMapHash(255 - depth)
			if pathBit(i, depth) == 1 {
				hash = protocol.HashOf([]byte{1}, empty[:], hash[:])
			} else {
				hash = protocol.HashOf([]byte{1}, hash[:], empty[:])
			}
		}
		return hash
	}
	fork := 0
	for pathBit(0, fork) == pathBit(1, fork) {
		fork++
	}
	a := up(0, protocol.MapLeafHash(leaves[0].RecordID), 256, fork+1)
	b := up(1, protocol.MapLeafHash(leaves[1].RecordID), 256, fork+1)
	children := [][]byte{a[:], b[:]}
	if pathBit(0, fork) == 1 {
		slices.Reverse(children)
	}
	root := up(0, protocol.HashOf([]byte{1}, children[0], children[1]), fork, 0)

	// Above the fork there is nothing beside: hashes may be left out there.
	bundle := MapBundle{Proofs: []MapProof{
		append(MapProof{&b}, make(MapProof, fork)...),
		append(MapProof{&a}, make(MapProof, fork)...),
	}}
	decoded, err := DecodeMapBundle(bundle.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := decoded.Verify(root, leaves); err != nil {
		t.Fatal(err)
	}

	tooDeep := MapBundle{Proofs: []MapProof{make(MapProof, 257), bundle.Proofs[1]}}
	var mismatch *RootMismatchError
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"nothing to verify", bundle.Verify(root, nil), ErrNoProofs},
		{"a proof too many", bundle.Verify(root, leaves[:1]), ErrProofCount},
		{"a proof too few", MapBundle{bundle.Proofs[:1]}.Verify(root, leaves), ErrProofCount},
		{"no proofs", MapBundle{}.Verify(root, leaves), ErrProofCount},
		{"257 hashes", tooDeep.Verify(root, leaves), ErrMalformed},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	otherRecord := []MapLeaf{leaves[0], {LogID: leaves[1].LogID, RecordID: leaves[0].RecordID}}
	swapped := MapBundle{Proofs: []MapProof{bundle.Proofs[1], bundle.Proofs[0]}}
	deeper := MapBundle{Proofs: []MapProof{append(MapProof{nil}, bundle.Proofs[0]...), bundle.Proofs[1]}}
	shallower := MapBundle{Proofs: []MapProof{bundle.Proofs[0], bundle.Proofs[1][:fork]}}
	if err := deeper.Verify(root, leaves); err != nil {
		t.Errorf("an empty entry in front: %v", err)
	}
	for name, err := range map[string]error{
		"another root":       bundle.Verify(a, leaves),
		"another record":     bundle.Verify(root, otherRecord),
		"proofs swapped":     swapped.Verify(root, leaves),
		"the sibling lacks":  shallower.Verify(root, leaves),
		"leaves swapped":     bundle.Verify(root, []MapLeaf{leaves[1], leaves[0]}),
		"the same log twice": bundle.Verify(root, []MapLeaf{leaves[0], leaves[0]}),
	} {
		if !errors.As(err, &mismatch) {
			t.Errorf("%s: %v, want a root mismatch", name, err)
		}
	}
}

// A proof has a hash for each level at most: two keys may part at the last bit.
func TestDeepestProof(t *testing.T) {
	leaf := MapLeaf{LogID: protocol.HashOf([]byte("log")), RecordID: protocol.HashOf([]byte("record"))}
	path, root := protocol.MapKey(leaf.LogID), protocol.MapLeafHash(leaf.RecordID)
	deepest := make(MapProof, MapDepth)
	for level := range deepest {
		sibling := protocol.HashOf([]byte{byte(level)})
		deepest[level] = &sibling
		if depth := MapDepth - 1 - level; path[depth/8]>>(7-depth%8)&1 == 1 {
			root = HashChildren(&sibling, &root)
		} else {
			root = HashChildren(&root, &sibling)
		}
	}
	if err := (MapBundle{Proofs: []MapProof{deepest}}).Verify(root, []MapLeaf{leaf}); err != nil {
		t.Errorf("256 hashes: %v", err)
	}
	deeper := append(deepest, deepest[0])
	if err := (MapBundle{Proofs: []MapProof{deeper}}).Verify(root, []MapLeaf{leaf}); !errors.Is(err, ErrMalformed) {
		t.Errorf("257 hashes: %v", err)
	}
}
