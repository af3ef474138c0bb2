package audit

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// partialMap is the part of a map that proofs of some keys show: enough to compute its
// root, and the root after these keys have got other values.
type partialMap struct {
	nodes  map[mapNode]protocol.Hash // siblings that are not empty
	leaves map[protocol.Hash]protocol.Hash
	keys   []protocol.Hash
}

// mapNode is a node at a depth, 0 to 256, which the first bits of a path lead to.
type mapNode struct {
	depth int
	path  protocol.Hash // the other bits are 0
}

func nodeAt(path protocol.Hash, depth int) mapNode {
	n := mapNode{depth: depth, path: path}
	for i := depth; i < proof.MapDepth; i++ {
		if i%8 == 0 {
			clear(n.path[i/8:])
			break
		}
		n.path[i/8] &^= 1 << (7 - i%8)
	}
	return n
}

func (n mapNode) child(bit byte) mapNode {
	c := mapNode{depth: n.depth + 1, path: n.path}
	c.path[n.depth/8] |= bit << (7 - n.depth%8)
	return c
}

func newPartialMap() *partialMap {
	return &partialMap{nodes: map[mapNode]protocol.Hash{}, leaves: map[protocol.Hash]protocol.Hash{}}
}

// add takes in the proof of a key, with the hash of its leaf, or that of an empty one.
func (m *partialMap) add(key, leaf protocol.Hash, p proof.MapProof) error {
	if len(p) > proof.MapDepth {
		return fmt.Errorf("a map proof has %d hashes, the map has %d levels", len(p), proof.MapDepth)
	}
	if _, twice := m.leaves[key]; twice {
		return errors.New("there are two map proofs of one key")
	}
	m.leaves[key] = leaf
	m.keys = append(m.keys, key)
	for i, sibling := range p {
		if sibling == nil {
			continue
		}
		depth := len(p) - i // the last is directly below the root
		n := nodeAt(key, depth)
		n.path[(depth-1)/8] ^= 1 << (7 - (depth-1)%8)
		if known, ok := m.nodes[n]; ok && known != *sibling {
			return errors.New("two map proofs contradict each other")
		}
		m.nodes[n] = *sibling
	}
	return nil
}

// root computes the root with the leaves as they are now.
func (m *partialMap) root() protocol.Hash { return m.hash(mapNode{}, m.keys) }

func (m *partialMap) hash(n mapNode, keys []protocol.Hash) protocol.Hash {
	level := proof.MapDepth - n.depth
	switch {
	case len(keys) == 0:
		if hash, ok := m.nodes[n]; ok {
			return hash
		}
		return proof.EmptyMapHash(level)
	case level == 0:
		return m.leaves[keys[0]]
	}
	var below [2][]protocol.Hash
	for _, key := range keys {
		bit := keyBit(key, n.depth)
		below[bit] = append(below[bit], key)
	}
	left, right := m.hash(n.child(0), below[0]), m.hash(n.child(1), below[1])
	return proof.HashChildren(&left, &right)
}
