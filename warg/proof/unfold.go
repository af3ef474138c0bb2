package proof

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LeafPath is a leaf with its RFC 6962 audit path (section 2.1.1), as Trillian
// answers it: sibling hashes of 32 bytes from the leaf upwards, where the
// balanced roots to the right of the leaf's own come folded into one. It may end at
// the leaf's balanced root: what lies above follows from the balanced roots.
type LeafPath struct {
	Index    uint64        // of the leaf, from 0
	LeafHash protocol.Hash // SHA-256(0x00 || leaf value)
	Path     [][]byte
}

// BalancedRoots returns the balanced roots of a log of size leaves, left to
// right, one for each bit set in size. They are read off the audit path of the
// last leaf at that size, in which nothing is folded: last.Index is size-1.
// They are also the hashes of a compact range over [0, size).
//
// The caller still has to compare [RootOf] of them with the log root.
func BalancedRoots(size uint64, last LeafPath) ([]protocol.Hash, error) {
	if size == 0 || last.Index != size-1 {
		return nil, fmt.Errorf("%w: leaf %d is not the last of %d", ErrRange, last.Index, size)
	}
	nodes := balancedRootNodes(size)
	// Up to its own balanced root the last leaf is a right child all the way;
	// above it come the other balanced roots, right to left.
	within := nodes[len(nodes)-1].height()
	if len(last.Path) != within+len(nodes)-1 {
		return nil, fmt.Errorf("%w: path of leaf %d at length %d has %d hashes, want %d",
			ErrPath, last.Index, size, len(last.Path), within+len(nodes)-1)
	}
	roots := make([]protocol.Hash, len(nodes))
	own := last.LeafHash
	for i, raw := range last.Path {
		hash, err := asHash(raw)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: path of leaf %d, step %d: %w", ErrPath, last.Index, i, err)
		case i < within:
			own = HashChildren(&hash, &own)
		default:
			roots[len(nodes)-2-(i-within)] = hash
		}
	}
	roots[len(nodes)-1] = own
	return roots, nil
}

// RootOf folds balanced roots, left to right, into the log root; of none that is
// the root of the empty log, SHA-256 of nothing.
func RootOf(roots []protocol.Hash) protocol.Hash {
	if len(roots) == 0 {
		return protocol.HashOf()
	}
	return fold(roots)
}

// logAt is a log at one length, as its balanced roots describe it.
type logAt struct {
	length uint64
	nodes  []node
	roots  []protocol.Hash
}

func newLogAt(length uint64, roots []protocol.Hash) (logAt, error) {
	if length == 0 || length > MaxLogLength {
		return logAt{}, fmt.Errorf("%w: log length %d is not from 1 to %d", ErrRange, length, uint64(MaxLogLength))
	}
	nodes := balancedRootNodes(length)
	if len(roots) != len(nodes) {
		return logAt{}, fmt.Errorf("%w: %d balanced roots for length %d, want %d", ErrPath, len(roots), length, len(nodes))
	}
	return logAt{length, nodes, roots}, nil
}

// rootAbove is the position of the balanced root that has the leaf below it.
func (l logAt) rootAbove(index uint64) int {
	i := 0
	for !l.nodes[i].covers(index) {
		i++
	}
	return i
}

// step is one step of a walk upwards: a node with its hash and its sibling's.
type step struct {
	at            node
	hash, sibling protocol.Hash
}

// unfold returns the walk from the leaf up to, without, the balanced root above
// it. It checks that the path leads to that root and from there on agrees with
// the other balanced roots, so that what is made of it verifies.
func (l logAt) unfold(leaf LeafPath) ([]step, error) {
	if leaf.Index >= l.length {
		return nil, fmt.Errorf("%w: leaf %d of a log of %d", ErrRange, leaf.Index, l.length)
	}
	top := l.rootAbove(leaf.Index)
	within := l.nodes[top].height()
	var outside []protocol.Hash
	if len(leaf.Path) != within {
		outside = l.outside(top)
	}
	if len(leaf.Path) != within+len(outside) {
		return nil, fmt.Errorf("%w: path of leaf %d at length %d has %d hashes, want %d",
			ErrPath, leaf.Index, l.length, len(leaf.Path), within+len(outside))
	}
	walk := make([]step, 0, within)
	at, hash := leafNode(leaf.Index), leaf.LeafHash
	for i, raw := range leaf.Path {
		sibling, err := asHash(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: path of leaf %d, step %d: %w", ErrPath, leaf.Index, i, err)
		}
		if i < within {
			walk = append(walk, step{at, hash, sibling})
			hash = join(at, &hash, &sibling)
			at = at.parent()
		} else if sibling != outside[i-within] {
			return nil, fmt.Errorf("%w: path of leaf %d at length %d, step %d, differs from the balanced roots",
				ErrPath, leaf.Index, l.length, i)
		}
	}
	if hash != l.roots[top] {
		return nil, fmt.Errorf("%w: path of leaf %d at length %d leads to %s, not to its balanced root %s",
			ErrPath, leaf.Index, l.length, hash, l.roots[top])
	}
	return walk, nil
}

// outside is the part of an RFC 6962 path that lies above the balanced root of
// that position: those to its right folded into one, then those to its left.
func (l logAt) outside(top int) []protocol.Hash {
	hashes := make([]protocol.Hash, 0, top+1)
	if right := l.roots[top+1:]; len(right) > 0 {
		hashes = append(hashes, fold(right))
	}
	for i := top - 1; i >= 0; i-- {
		hashes = append(hashes, l.roots[i])
	}
	return hashes
}
