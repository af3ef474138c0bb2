package proof

import (
	"crypto/sha256"
	"math/bits"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MaxLogLength is the greatest log length that a bundle can speak of: node
// numbers are 32 bits wide, and leaf i is node 2i. The reference truncates
// greater ones without a word; this package refuses them.
const MaxLogLength = 1 << 31

// node is the in-order number of a node of the log's tree.
type node uint64

func leafNode(index uint64) node { return node(2 * index) }

// height is 0 for a leaf.
func (n node) height() int { return bits.TrailingZeros64(^uint64(n)) }

// step is the distance between a node and its parent.
func (n node) step() node { return 1 << n.height() }

func (n node) isRight() bool { return n>>(n.height()+1)&1 == 1 }

func (n node) parent() node {
	if n.isRight() {
		return n - n.step()
	}
	return n + n.step()
}

func (n node) sibling() node {
	if n.isRight() {
		return n - 2*n.step()
	}
	return n + 2*n.step()
}

// lastLeaf is the index of the rightmost leaf below n.
func (n node) lastLeaf() uint64 { return uint64(n+n.step()-1) / 2 }

// covers says whether the leaf of that index is below n.
func (n node) covers(index uint64) bool {
	return index>>n.height() == n.lastLeaf()>>n.height()
}

// balancedRootNodes are the roots of the perfect subtrees that make up a log of
// that length, left to right.
func balancedRootNodes(length uint64) []node {
	roots := make([]node, 0, bits.OnesCount64(length))
	var start uint64
	for start < length {
		size := uint64(1) << (bits.Len64(length-start) - 1)
		roots = append(roots, node(2*start+size-1))
		start += size
	}
	return roots
}

// HashChildren is the hash of an inner node, in the log (RFC 6962, 2.1) and in
// the map alike: SHA-256(0x01 || left || right). It allocates nothing.
func HashChildren(left, right *protocol.Hash) protocol.Hash {
	var b [1 + 2*protocol.HashSize]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+protocol.HashSize:], right[:])
	return sha256.Sum256(b[:])
}

// join hashes two siblings into their parent; at is the number of the first.
func join(at node, hash, sibling *protocol.Hash) protocol.Hash {
	if at.isRight() {
		return HashChildren(sibling, hash)
	}
	return HashChildren(hash, sibling)
}

// fold hashes balanced roots, left to right, into the root over them. There
// must be at least one.
func fold(roots []protocol.Hash) protocol.Hash {
	hash := roots[len(roots)-1]
	for i := len(roots) - 2; i >= 0; i-- {
		hash = HashChildren(&roots[i], &hash)
	}
	return hash
}
