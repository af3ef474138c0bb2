package index

import (
	"bytes"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// naiveMap is the map by the definition: leaf hashes by path, and every node
// hashed, level by level.
type naiveMap map[protocol.Hash]protocol.Hash

func (m naiveMap) put(keys []key) {
	for _, k := range keys {
		m[k.path] = k.leaf
	}
}

func (m naiveMap) paths() []protocol.Hash {
	paths := make([]protocol.Hash, 0, len(m))
	for path := range m {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b protocol.Hash) int { return bytes.Compare(a[:], b[:]) })
	return paths
}

func (m naiveMap) root() protocol.Hash { return m.subtree(m.paths(), 0) }

func (m naiveMap) subtree(paths []protocol.Hash, depth int) protocol.Hash {
	switch {
	case len(paths) == 0:
		return proof.EmptyMapHash(256 - depth)
	case depth == 256:
		return m[paths[0]]
	}
	left, right := forkAt(paths, depth)
	l, r := m.subtree(left, depth+1), m.subtree(right, depth+1)
	return protocol.HashOf([]byte{1}, l[:], r[:])
}

func forkAt(paths []protocol.Hash, depth int) (left, right []protocol.Hash) {
	n := 0
	for n < len(paths) && paths[n][depth/8]&(0x80>>(depth%8)) == 0 {
		n++
	}
	return paths[:n], paths[n:]
}

// proof lists the siblings as the reference does: from the deepest that is not
// empty, at least the one below the root.
func (m naiveMap) proof(path protocol.Hash) []protocol.Hash {
	paths := m.paths()
	var siblings []protocol.Hash
	for depth := 0; depth < 256 && (len(paths) > 1 || depth == 0); depth++ {
		left, right := forkAt(paths, depth)
		own, other := left, right
		if path[depth/8]&(0x80>>(depth%8)) != 0 {
			own, other = right, left
		}
		siblings = append(siblings, m.subtree(other, depth+1))
		paths = own
	}
	slices.Reverse(siblings)
	return siblings
}
