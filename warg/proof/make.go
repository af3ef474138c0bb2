package proof

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// InclusionBundle makes the bundle that proves leaves included in a log of
// length leaves, in the order given, byte for byte the one that the reference
// makes. roots are the balanced roots at that length, left to right (see
// [BalancedRoots]); each path is the leaf's at that same length. That the roots
// are those of the log at this length only its root can tell: [RootOf] of them
// must be the root of the checkpoint.
//
// Errors: [ErrNoProofs] without leaves, [ErrRange] when a leaf is at or beyond
// the length or the length is 0 or beyond [MaxLogLength], [ErrPath] when a path
// does not lead to these roots.
func InclusionBundle(length uint64, roots []protocol.Hash, leaves []LeafPath) (LogBundle, error) {
	if len(leaves) == 0 {
		return LogBundle{}, ErrNoProofs
	}
	log, err := newLogAt(length, roots)
	if err != nil {
		return LogBundle{}, err
	}
	needed := nodeHashes{}
	included := make([]uint32, len(leaves))
	for i, leaf := range leaves {
		walk, err := log.unfold(leaf)
		if err != nil {
			return LogBundle{}, err
		}
		for _, s := range walk {
			needed.add(s.at.sibling(), s.sibling)
		}
		log.addRoots(&needed, log.rootAbove(leaf.Index))
		included[i] = uint32(leafNode(leaf.Index))
	}
	return LogBundle{LogLength: uint32(length), IncludedNodes: included, Hashes: needed.sorted()}, nil
}

// ConsistencyBundle makes the bundle that proves the log of from leaves to be a
// prefix of the log of to leaves, byte for byte the one that the reference
// makes. It needs the balanced roots at to, left to right, and last: the leaf
// from-1, the last one of the older log, with its path at length to. Everything
// else follows from them; neither the older log's balanced roots nor an RFC 6962
// consistency proof is needed. With from = to, last is not needed or looked at.
//
// Errors: [ErrRange] when from is 0 (the official client crashes on such a
// bundle), from > to or to is beyond [MaxLogLength]; [ErrPath] when the path
// does not lead to these roots.
func ConsistencyBundle(from, to uint64, roots []protocol.Hash, last LeafPath) (LogBundle, error) {
	if from == 0 || from > to {
		return LogBundle{}, fmt.Errorf("%w: consistency from %d to %d", ErrRange, from, to)
	}
	log, err := newLogAt(to, roots)
	if err != nil {
		return LogBundle{}, err
	}
	needed := nodeHashes{}
	if from == to {
		log.addRoots(&needed, -1)
	} else if err := log.addConsistency(&needed, from, last); err != nil {
		return LogBundle{}, err
	}
	return LogBundle{LogLength: uint32(to), ConsistentLengths: []uint32{uint32(from)}, Hashes: needed.sorted()}, nil
}

// addConsistency adds the nodes that prove each balanced root of the older log
// to be in l. Those to the left of the last leaf's own are either balanced roots
// of l as well, or left siblings on the way up from it; the sibling of such a
// one is then a node on that way.
func (l logAt) addConsistency(needed *nodeHashes, from uint64, last LeafPath) error {
	if last.Index != from-1 {
		return fmt.Errorf("%w: path of leaf %d, want that of leaf %d", ErrPath, last.Index, from-1)
	}
	walk, err := l.unfold(last)
	if err != nil {
		return err
	}
	old := balancedRootNodes(from)
	own := old[len(old)-1]
	for _, s := range walk {
		if s.at.height() < own.height() {
			continue
		}
		needed.add(s.at.sibling(), s.sibling)
		if s.at == own || s.at.isRight() {
			needed.add(s.at, s.hash)
		}
	}
	// The balanced root above all this is itself needed only by older roots that
	// are not below it, or as one of them.
	top := l.rootAbove(last.Index)
	if top > 0 || l.nodes[top] == own {
		top = -1
	}
	l.addRoots(needed, top)
	return nil
}

// nodeHashes collects the hashes of a bundle.
type nodeHashes []NodeHash

func (n *nodeHashes) add(at node, hash protocol.Hash) {
	*n = append(*n, NodeHash{uint32(at), hash})
}

// sorted returns the hashes by node number, each once.
func (n nodeHashes) sorted() []NodeHash {
	slices.SortFunc(n, func(a, b NodeHash) int { return cmp.Compare(a.Node, b.Node) })
	return slices.CompactFunc(n, func(a, b NodeHash) bool { return a.Node == b.Node })
}

// addRoots adds the balanced roots but for the one of position except.
func (l logAt) addRoots(needed *nodeHashes, except int) {
	for i, root := range l.roots {
		if i != except {
			needed.add(l.nodes[i], root)
		}
	}
}
