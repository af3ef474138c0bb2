package proof

import (
	"encoding/binary"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// testLog is a log that answers RFC 6962 paths as Trillian does: with the
// library that Trillian computes them with.
type testLog struct{ tree *testonly.Tree }

func newTestLog(size int) *testLog {
	l := &testLog{testonly.New(rfc6962.DefaultHasher)}
	for i := range size {
		l.tree.AppendData(binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	return l
}

func (l *testLog) leaf(index uint64) protocol.Hash { return protocol.Hash(l.tree.LeafHash(index)) }

func (l *testLog) leaves(indices ...uint64) []Leaf {
	leaves := make([]Leaf, len(indices))
	for i, index := range indices {
		leaves[i] = Leaf{Index: index, Hash: l.leaf(index)}
	}
	return leaves
}

func (l *testLog) root(length uint64) protocol.Hash { return protocol.Hash(l.tree.HashAt(length)) }

func (l *testLog) path(t *testing.T, index, length uint64) LeafPath {
	t.Helper()
	path, err := l.tree.InclusionProof(index, length)
	if err != nil {
		t.Fatal(err)
	}
	return LeafPath{Index: index, LeafHash: l.leaf(index), Path: path}
}

func (l *testLog) balancedRoots(t *testing.T, length uint64) []protocol.Hash {
	t.Helper()
	if length == 0 {
		return nil
	}
	roots, err := BalancedRoots(length, l.path(t, length-1, length))
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

func (l *testLog) inclusion(t *testing.T, length uint64, indices ...uint64) (LogBundle, error) {
	t.Helper()
	paths := make([]LeafPath, len(indices))
	for i, index := range indices {
		paths[i] = l.path(t, index, length)
	}
	return InclusionBundle(length, l.balancedRoots(t, length), paths)
}

func (l *testLog) consistency(t *testing.T, from, to uint64) (LogBundle, error) {
	t.Helper()
	var last LeafPath
	if from < to {
		last = l.path(t, from-1, to)
	}
	return ConsistencyBundle(from, to, l.balancedRoots(t, to), last)
}

// node computes a node's hash from the leaves, by the definition.
func (l *testLog) node(n node) protocol.Hash {
	if n.height() == 0 {
		return l.leaf(uint64(n) / 2)
	}
	half := n.step() / 2
	left, right := l.node(n-half), l.node(n+half)
	return protocol.HashOf([]byte{1}, left[:], right[:])
}
