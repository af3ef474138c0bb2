package follow

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// State is what is known of a log: its first leaves, by the hashes that it takes to
// go on from there. The zero value knows no leaf. A State does not change; copies
// may be used at the same time.
type State struct {
	size     uint64
	subtrees [][]byte
}

// NewState returns the state of a log whose first size leaves are the perfect
// subtrees with these root hashes, left to right: one for each bit that is set in
// size, the largest first. That they are the hashes of a certain log only
// [State.Root] can tell.
func NewState(size uint64, subtrees []protocol.Hash) (State, error) {
	if want := bits.OnesCount64(size); len(subtrees) != want {
		return State{}, fmt.Errorf("a log of %d leaves has %d perfect subtrees, not %d", size, want, len(subtrees))
	}
	s := State{size: size}
	for _, h := range subtrees {
		s.subtrees = append(s.subtrees, slices.Clone(h[:]))
	}
	return s, nil
}

// Size is the number of leaves that are known.
func (s State) Size() uint64 { return s.size }

// Subtrees returns the hashes that [NewState] takes.
func (s State) Subtrees() []protocol.Hash {
	all := make([]protocol.Hash, len(s.subtrees))
	for i, h := range s.subtrees {
		all[i] = protocol.Hash(h)
	}
	return all
}

// Root returns the root of the log that has the known leaves and no others; with
// no leaf, the SHA-256 of nothing.
func (s State) Root() Root {
	if s.size == 0 {
		return Root{Hash: protocol.HashOf()}
	}
	hash, err := s.tree().GetRootHash(nil)
	if err != nil {
		panic(err) // only for a range that does not begin at 0
	}
	return Root{Size: s.size, Hash: protocol.Hash(hash)}
}

// Append returns the state behind more leaves, given by their values.
func (s State) Append(values ...[]byte) State {
	tree := s.tree()
	for _, value := range values {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(value), nil); err != nil {
			panic(err) // only for a range that has not its number of hashes
		}
	}
	return State{size: tree.End(), subtrees: tree.Hashes()}
}

// tree returns a range that may be appended to.
func (s State) tree() *compact.Range {
	tree, err := ranges.NewRange(0, s.size, slices.Clone(s.subtrees))
	if err != nil {
		panic(err) // NewState and Append see to it
	}
	return tree
}
