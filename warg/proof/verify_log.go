package proof

import (
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Leaf is a leaf of the log whose inclusion is to be verified.
type Leaf struct {
	Index uint64
	Hash  protocol.Hash // SHA-256(0x00 || leaf value)
}

// VerifyInclusion checks that the bundle proves exactly these leaves, in this
// order, to be in the log of length leaves with that root. (The official client
// does not notice proofs that are missing from a bundle.) Hashes that no proof
// needs, and consistency proofs beside, do no harm and are not looked at.
//
// Errors: [ErrMalformed] when the hashes are not in order, [ErrProofCount] when
// the bundle is about another length or other leaves, [ErrMissingHash],
// *[RootMismatchError], and [ErrNoProofs] and [ErrRange] when nothing could
// prove what is asked.
func (b LogBundle) VerifyInclusion(length uint64, root protocol.Hash, leaves []Leaf) error {
	if len(leaves) == 0 {
		return ErrNoProofs
	}
	if err := b.check(length); err != nil {
		return err
	}
	if len(b.IncludedNodes) != len(leaves) {
		return fmt.Errorf("%w: %d inclusion proofs, want %d", ErrProofCount, len(b.IncludedNodes), len(leaves))
	}
	for i, leaf := range leaves {
		if leaf.Index >= length {
			return fmt.Errorf("%w: leaf %d of a log of %d", ErrRange, leaf.Index, length)
		}
		at := leafNode(leaf.Index)
		if node(b.IncludedNodes[i]) != at {
			return fmt.Errorf("%w: inclusion proof %d is of node %d, want %d (leaf %d)",
				ErrProofCount, i, b.IncludedNodes[i], at, leaf.Index)
		}
		got, err := b.evaluateInclusion(at, leaf.Hash)
		if err != nil {
			return fmt.Errorf("inclusion of leaf %d: %w", leaf.Index, err)
		}
		if got != root {
			what := fmt.Sprintf("inclusion of leaf %d at length %d", leaf.Index, length)
			return &RootMismatchError{Proof: what, Got: got, Want: root}
		}
	}
	return nil
}

// VerifyConsistency checks that the bundle proves exactly one consistency, that
// of the log of from leaves with root fromRoot being a prefix of the log of to
// leaves with root toRoot. Hashes that the proof does not need do no harm and are
// not looked at. Inclusion proofs beside it are refused, as by the official client
// (warg-client, prove_log_consistency).
//
// Errors as for [LogBundle.VerifyInclusion]; [ErrRange] when from is 0 or from > to.
func (b LogBundle) VerifyConsistency(from, to uint64, fromRoot, toRoot protocol.Hash) error {
	if from == 0 || from > to {
		return fmt.Errorf("%w: consistency from %d to %d", ErrRange, from, to)
	}
	if err := b.check(to); err != nil {
		return err
	}
	if len(b.ConsistentLengths) != 1 || uint64(b.ConsistentLengths[0]) != from {
		return fmt.Errorf("%w: consistency proofs from lengths %d, want one from %d", ErrProofCount, b.ConsistentLengths, from)
	}
	if n := len(b.IncludedNodes); n != 0 {
		return fmt.Errorf("%w: %d inclusion proofs beside a consistency proof, want none", ErrProofCount, n)
	}
	gotFrom, gotTo, err := b.evaluateConsistency(from)
	if err != nil {
		return fmt.Errorf("consistency from %d to %d: %w", from, to, err)
	}
	if gotFrom != fromRoot {
		what := fmt.Sprintf("consistency from %d to %d, at %d,", from, to, from)
		return &RootMismatchError{Proof: what, Got: gotFrom, Want: fromRoot}
	}
	if gotTo != toRoot {
		what := fmt.Sprintf("consistency from %d to %d, at %d,", from, to, to)
		return &RootMismatchError{Proof: what, Got: gotTo, Want: toRoot}
	}
	return nil
}

func (b LogBundle) check(length uint64) error {
	if uint64(b.LogLength) != length {
		return fmt.Errorf("%w: bundle is about log length %d, want %d", ErrProofCount, b.LogLength, length)
	}
	for i := 1; i < len(b.Hashes); i++ {
		if b.Hashes[i-1].Node >= b.Hashes[i].Node {
			return fmt.Errorf("%w: hash of node %d does not come before that of node %d",
				ErrMalformed, b.Hashes[i].Node, b.Hashes[i-1].Node)
		}
	}
	return nil
}

// hashOf looks a node up by bisection, as every client does.
func (b LogBundle) hashOf(at node) (protocol.Hash, error) {
	i, ok := slices.BinarySearchFunc(b.Hashes, at, func(e NodeHash, at node) int {
		switch {
		case node(e.Node) < at:
			return -1
		case node(e.Node) > at:
			return 1
		}
		return 0
	})
	if !ok {
		return protocol.Hash{}, fmt.Errorf("%w: node %d", ErrMissingHash, at)
	}
	return b.Hashes[i].Hash, nil
}

// evaluateInclusion returns the log root that follows from the node's hash. Any
// node will do, not only a leaf.
func (b LogBundle) evaluateInclusion(at node, hash protocol.Hash) (protocol.Hash, error) {
	if at.lastLeaf() >= uint64(b.LogLength) {
		return hash, fmt.Errorf("%w: node %d is beyond log length %d", ErrRange, at, b.LogLength)
	}
	nodes := balancedRootNodes(uint64(b.LogLength))
	top := slices.IndexFunc(nodes, func(n node) bool { return n.covers(at.lastLeaf()) })
	for at != nodes[top] {
		sibling, err := b.hashOf(at.sibling())
		if err != nil {
			return hash, err
		}
		hash, at = join(at, &hash, &sibling), at.parent()
	}
	roots := make([]protocol.Hash, len(nodes))
	for i, n := range nodes {
		if i == top {
			roots[i] = hash
			continue
		}
		var err error
		if roots[i], err = b.hashOf(n); err != nil {
			return hash, err
		}
	}
	return fold(roots), nil
}

// evaluateConsistency returns the root at from and the root at the bundle's
// length that follow from the balanced roots at from, which must all lead to
// the same. from is not 0.
func (b LogBundle) evaluateConsistency(from uint64) (fromRoot, toRoot protocol.Hash, err error) {
	nodes := balancedRootNodes(from)
	roots := make([]protocol.Hash, len(nodes))
	for i, n := range nodes {
		if roots[i], err = b.hashOf(n); err != nil {
			return fromRoot, toRoot, err
		}
		got, err := b.evaluateInclusion(n, roots[i])
		if err != nil {
			return fromRoot, toRoot, err
		}
		if i > 0 && got != toRoot {
			what := fmt.Sprintf("inclusion of balanced root %d", n)
			return fromRoot, toRoot, &RootMismatchError{Proof: what, Got: got, Want: toRoot}
		}
		toRoot = got
	}
	return fold(roots), toRoot, nil
}
