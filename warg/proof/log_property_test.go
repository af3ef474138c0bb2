package proof

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	merkleproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// propertyLength is up to which length every leaf and every pair of lengths is
// tried.
const propertyLength = 300

// naiveLog computes every complete node once, by the definition, and what a
// bundle needs as the reference puts it: proof by proof, node by node.
type naiveLog struct {
	*testLog
	nodes map[node]protocol.Hash
}

func newNaiveLog(size int) *naiveLog {
	n := &naiveLog{newTestLog(size), map[node]protocol.Hash{}}
	for at := node(0); at < node(2*size); at++ {
		if at.lastLeaf() < uint64(size) {
			n.nodes[at] = n.node(at)
		}
	}
	return n
}

// walk lists the nodes that prove at to be in a log of that length.
func (n *naiveLog) walk(at node, length uint64) []node {
	var needed []node
	roots := balancedRootNodes(length)
	for !slices.Contains(roots, at) {
		needed = append(needed, at.sibling())
		at = at.parent()
	}
	for _, root := range roots {
		if root != at {
			needed = append(needed, root)
		}
	}
	return needed
}

func (n *naiveLog) check(t *testing.T, b LogBundle, needed []node) {
	t.Helper()
	slices.Sort(needed)
	needed = slices.Compact(needed)
	if len(needed) != len(b.Hashes) {
		t.Fatalf("bundle has %d hashes, want %d", len(b.Hashes), len(needed))
	}
	for i, at := range needed {
		if node(b.Hashes[i].Node) != at || b.Hashes[i].Hash != n.nodes[at] {
			t.Fatalf("hash %d is %v of node %d, want %v of node %d", i, b.Hashes[i].Hash, b.Hashes[i].Node, n.nodes[at], at)
		}
	}
}

// Balanced roots are what a compact range holds.
func TestBalancedRootsAreACompactRange(t *testing.T) {
	n := newTestLog(propertyLength)
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r := factory.NewEmptyRange(0)
	for length := uint64(1); length <= propertyLength; length++ {
		leaf := n.leaf(length - 1)
		if err := r.Append(leaf[:], nil); err != nil {
			t.Fatal(err)
		}
		roots := n.balancedRoots(t, length)
		if !slices.EqualFunc(roots, r.Hashes(), func(a protocol.Hash, b []byte) bool { return bytes.Equal(a[:], b) }) {
			t.Fatalf("length %d: %v, want %x", length, roots, r.Hashes())
		}
		if got := RootOf(roots); got != n.root(length) {
			t.Fatalf("length %d: root %s, want %s", length, got, n.root(length))
		}
	}
}

func TestInclusionOfEveryLeafAtEveryLength(t *testing.T) {
	n := newNaiveLog(propertyLength)
	rng := rand.New(rand.NewPCG(1, 2))
	for length := uint64(1); length <= propertyLength; length++ {
		roots, root := n.balancedRoots(t, length), n.root(length)
		for index := range length {
			path := n.path(t, index, length)
			if err := merkleproof.VerifyInclusion(rfc6962.DefaultHasher, index, length, path.LeafHash[:], path.Path, root[:]); err != nil {
				t.Fatalf("the test's own path of %d at %d: %v", index, length, err)
			}
			b, err := InclusionBundle(length, roots, []LeafPath{path})
			if err != nil {
				t.Fatalf("leaf %d at %d: %v", index, length, err)
			}
			n.check(t, b, n.walk(leafNode(index), length))
			b = again(t, b)
			leaves := n.leaves(index)
			if err := b.VerifyInclusion(length, root, leaves); err != nil {
				t.Fatal(err)
			}
			damage(t, rng, b, func(b LogBundle) error { return b.VerifyInclusion(length, root, leaves) })
			leaves[0].Hash[index%32] ^= 1
			if err := b.VerifyInclusion(length, root, leaves); err == nil {
				t.Fatalf("leaf %d at %d verifies with another hash", index, length)
			}
		}
	}
}

func TestInclusionOfSeveralLeaves(t *testing.T) {
	n := newNaiveLog(propertyLength)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		length := 1 + rng.Uint64N(propertyLength)
		indices := make([]uint64, 1+rng.IntN(20))
		var needed []node
		for i := range indices {
			indices[i] = rng.Uint64N(length)
			needed = append(needed, n.walk(leafNode(indices[i]), length)...)
		}
		b, err := n.inclusion(t, length, indices...)
		if err != nil {
			t.Fatal(err)
		}
		n.check(t, b, needed)
		root, leaves := n.root(length), n.leaves(indices...)
		if err := again(t, b).VerifyInclusion(length, root, leaves); err != nil {
			t.Fatal(err)
		}
		damage(t, rng, b, func(b LogBundle) error { return b.VerifyInclusion(length, root, leaves) })
		if err := b.VerifyInclusion(length, root, append(leaves, leaves[0])); !errors.Is(err, ErrProofCount) {
			t.Fatalf("one more leaf than proofs: %v", err)
		}
		if err := b.VerifyInclusion(length, root, leaves[1:]); err == nil {
			t.Fatal("one less leaf than proofs verifies")
		}
	}
}

func TestConsistencyOfEveryTwoLengths(t *testing.T) {
	n := newNaiveLog(propertyLength)
	rng := rand.New(rand.NewPCG(5, 6))
	for to := uint64(1); to <= propertyLength; to++ {
		roots, toRoot := n.balancedRoots(t, to), n.root(to)
		for from := uint64(1); from <= to; from++ {
			fromRoot := n.root(from)
			b, err := ConsistencyBundle(from, to, roots, n.path(t, from-1, to))
			if err != nil {
				t.Fatalf("from %d to %d: %v", from, to, err)
			}
			needed := []node{}
			for _, at := range balancedRootNodes(from) {
				needed = append(append(needed, at), n.walk(at, to)...)
			}
			n.check(t, b, needed)
			b = again(t, b)
			if err := b.VerifyConsistency(from, to, fromRoot, toRoot); err != nil {
				t.Fatal(err)
			}
			damage(t, rng, b, func(b LogBundle) error { return b.VerifyConsistency(from, to, fromRoot, toRoot) })
			if from < to && b.VerifyConsistency(from, to, toRoot, toRoot) == nil {
				t.Fatalf("from %d to %d verifies with another first root", from, to)
			}
			if b.VerifyConsistency(from, to, fromRoot, n.root(to-1)) == nil {
				t.Fatalf("from %d to %d verifies with another second root", from, to)
			}
		}
	}
}

// again encodes and decodes a bundle.
func again(t *testing.T, b LogBundle) LogBundle {
	t.Helper()
	data := b.Encode()
	decoded, err := DecodeLogBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(decoded.Encode(), data) || !slices.Equal(decoded.Hashes, b.Hashes) {
		t.Fatalf("%+v reads as %+v", b, decoded)
	}
	return decoded
}

// damage checks that no bundle verifies that lacks a hash or has a bit of one
// wrong; that they are in another order is refused too. A hash beside those is
// harmless.
func damage(t *testing.T, rng *rand.Rand, b LogBundle, verify func(LogBundle) error) {
	t.Helper()
	hashes := b.Hashes
	if len(hashes) > 0 {
		i := rng.IntN(len(hashes))
		b.Hashes = slices.Clone(hashes)
		b.Hashes[i].Hash[rng.IntN(32)] ^= 1 << rng.IntN(8)
		var mismatch *RootMismatchError
		if err := verify(b); !errors.As(err, &mismatch) {
			t.Fatalf("a bit of the hash of node %d changed: %v", hashes[i].Node, err)
		}
		b.Hashes = slices.Delete(slices.Clone(hashes), i, i+1)
		if err := verify(b); !errors.Is(err, ErrMissingHash) {
			t.Fatalf("no hash of node %d: %v", hashes[i].Node, err)
		}
		b.Hashes = slices.Insert(slices.Clone(hashes), i, hashes[i])
		if err := verify(b); !errors.Is(err, ErrMalformed) {
			t.Fatalf("hash of node %d twice: %v", hashes[i].Node, err)
		}
	}
	b.Hashes = append(slices.Clone(hashes), NodeHash{Node: 1 << 30})
	if err := verify(b); err != nil {
		t.Fatalf("a hash that is not needed: %v", err)
	}
	b.Hashes = hashes
	b.LogLength++
	if err := verify(b); !errors.Is(err, ErrProofCount) {
		t.Fatalf("another length: %v", err)
	}
}
