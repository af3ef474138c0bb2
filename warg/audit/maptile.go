package audit

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The map is kept in tiles: a tile has the 16 children that are four levels below its
// place, which the first nibbles of their keys name. A leaf that is alone below a child
// stands in that child, so there are few tiles below the depth at which keys differ.

// mapBits is how many levels of the map a tile has.
const mapBits = 4

// maxMapDepth is the depth in nibbles of the lowest tiles that there can be: below it
// all 256 bits of two different keys would be equal.
const maxMapDepth = proof.MapDepth/mapBits - 1

type childKind byte

const (
	childEmpty childKind = iota
	childLeaf            // one leaf is below it
	childInner           // a tile is below it
)

type mapChild struct {
	kind childKind
	hash protocol.Hash // of the subtree, at the child's own level
	key  protocol.Hash // of a leaf: its path
	leaf protocol.Hash // of a leaf: the hash of the leaf itself
}

type mapTile [1 << mapBits]mapChild

// encode returns, for each child, its kind and then its hashes.
func (t *mapTile) encode() []byte {
	b := make([]byte, 0, len(t)*(1+protocol.HashSize))
	for i := range t {
		c := &t[i]
		b = append(b, byte(c.kind))
		if c.kind != childEmpty {
			b = append(b, c.hash[:]...)
		}
		if c.kind == childLeaf {
			b = append(append(b, c.key[:]...), c.leaf[:]...)
		}
	}
	return b
}

func decodeMapTile(b []byte) (*mapTile, error) {
	broken := errors.New("a tile of the map is broken in the store; begin anew with an empty one")
	t := new(mapTile)
	take := func(h *protocol.Hash) bool {
		if len(b) < len(h) {
			return false
		}
		b = b[copy(h[:], b):]
		return true
	}
	for i := range t {
		c := &t[i]
		if len(b) == 0 || b[0] > byte(childInner) {
			return nil, broken
		}
		c.kind, b = childKind(b[0]), b[1:]
		if c.kind != childEmpty && !take(&c.hash) || c.kind == childLeaf && (!take(&c.key) || !take(&c.leaf)) {
			return nil, broken
		}
	}
	if len(b) > 0 {
		return nil, broken
	}
	return t, nil
}

// root is the hash of the subtree below a tile at a depth in nibbles.
func (t *mapTile) root(depth int) protocol.Hash {
	level := proof.MapDepth - mapBits*(depth+1) // of the children
	var hashes [1 << mapBits]protocol.Hash
	for i := range t {
		hashes[i] = t.childHash(i, level)
	}
	for n := len(hashes); n > 1; n /= 2 {
		empty := proof.EmptyMapHash(level)
		level++
		for i := range n / 2 {
			left, right := &hashes[2*i], &hashes[2*i+1]
			if *left == empty && *right == empty {
				hashes[i] = proof.EmptyMapHash(level)
				continue
			}
			hashes[i] = proof.HashChildren(left, right)
		}
	}
	return hashes[0]
}

func (t *mapTile) childHash(i, level int) protocol.Hash {
	if t[i].kind == childEmpty {
		return proof.EmptyMapHash(level)
	}
	return t[i].hash
}

// loneLeaf is the hash at a level of the subtree in which a leaf is alone.
func loneLeaf(key, leaf protocol.Hash, level int) protocol.Hash {
	hash := leaf
	for l := range level {
		empty := proof.EmptyMapHash(l)
		if keyBit(key, proof.MapDepth-1-l) == 1 {
			hash = proof.HashChildren(&empty, &hash)
		} else {
			hash = proof.HashChildren(&hash, &empty)
		}
	}
	return hash
}

// keyBit is the bit of a key that decides at a depth, 0 to 255: 0 is left.
func keyBit(key protocol.Hash, depth int) byte { return key[depth/8] >> (7 - depth%8) & 1 }

// nibble is the child at a depth in nibbles that a key is below.
func nibble(key protocol.Hash, depth int) int {
	if depth%2 == 0 {
		return int(key[depth/2] >> 4)
	}
	return int(key[depth/2] & 15)
}

// tileKey names the tile at a depth in nibbles that a key is below.
func tileKey(key protocol.Hash, depth int) []byte {
	b := append([]byte{byte(depth)}, key[:(depth+1)/2]...)
	if depth%2 == 1 {
		b[len(b)-1] &= 0xf0
	}
	return b
}

func mapPlace(depth int, key protocol.Hash) string { return fmt.Sprintf("%x", tileKey(key, depth)) }
