package sqlitestorage

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/testonly"
	"github.com/google/trillian/storage/tree"
	"github.com/google/trillian/types"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// newTree makes an initialised LOG tree.
func newTree(t testing.TB, s *Storage) *trillian.Tree {
	t.Helper()
	tr, err := storage.CreateTree(t.Context(), s.AdminStorage(), testonly.LogTree)
	if err != nil {
		t.Fatal(err)
	}
	root, err := (&types.LogRootV1{RootHash: rfc6962.DefaultHasher.EmptyRoot()}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, tr, func(tx storage.LogTreeTX) error {
		return tx.StoreSignedLogRoot(t.Context(), &trillian.SignedLogRoot{LogRoot: root})
	})
	return tr
}

func write(t testing.TB, s *Storage, tr *trillian.Tree, f func(storage.LogTreeTX) error) {
	t.Helper()
	err := s.LogStorage().ReadWriteTransaction(t.Context(), tr, func(_ context.Context, tx storage.LogTreeTX) error { return f(tx) })
	if err != nil {
		t.Fatal(err)
	}
}

// Every node that a growing tree ever has can be read, at once and later on.
func TestTilesKeepEveryNode(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tr := newTree(t, s)
	cr := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	all := make(map[compact.NodeID][]byte)
	var ids []compact.NodeID
	for step := 1; cr.End() < 3*tileWidth*tileWidth/2; step = step*3%101 + 1 {
		var added []tree.Node
		for range step {
			leaf := binary.BigEndian.AppendUint64(nil, cr.End())
			err := cr.Append(rfc6962.DefaultHasher.HashLeaf(leaf), func(id compact.NodeID, hash []byte) {
				added = append(added, tree.Node{ID: id, Hash: hash})
				all[id], ids = hash, append(ids, id)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		write(t, s, tr, func(tx storage.LogTreeTX) error { return tx.SetMerkleNodes(t.Context(), added) })
	}
	snap, err := s.LogStorage().SnapshotForTree(t.Context(), tr)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	nodes, err := snap.GetMerkleNodes(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		if n.ID != ids[i] || !bytes.Equal(n.Hash, all[n.ID]) {
			t.Fatalf("node %v was read as %v with another hash", ids[i], n.ID)
		}
	}
	for _, beyond := range []compact.NodeID{
		{Level: 0, Index: cr.End()},
		{Level: 3, Index: cr.End() >> 3},
		{Level: 40, Index: 0},
	} {
		if _, err := snap.GetMerkleNodes(t.Context(), []compact.NodeID{beyond}); err == nil {
			t.Errorf("node %v, beyond the tree, was read", beyond)
		}
	}
}

func TestTilesOnlyGrow(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tr := newTree(t, s)
	node := func(index uint64, b byte) tree.Node {
		return tree.Node{ID: compact.NodeID{Index: index}, Hash: bytes.Repeat([]byte{b}, hashSize)}
	}
	set := func(n ...tree.Node) error {
		return s.LogStorage().ReadWriteTransaction(t.Context(), tr, func(ctx context.Context, tx storage.LogTreeTX) error {
			return tx.SetMerkleNodes(ctx, n)
		})
	}
	for _, c := range []struct {
		what string
		n    []tree.Node
		ok   bool
	}{
		{"first two", []tree.Node{node(1, 1), node(0, 0)}, true},
		{"again, and one more", []tree.Node{node(1, 1), node(2, 2)}, true},
		{"another hash", []tree.Node{node(1, 9)}, false},
		{"a gap", []tree.Node{node(4, 4)}, false},
		{"a gap in the next tile", []tree.Node{node(tileWidth+1, 4)}, false},
		{"a short hash", []tree.Node{{ID: compact.NodeID{Index: 3}, Hash: []byte{1}}}, false},
		{"the next", []tree.Node{node(3, 3)}, true},
	} {
		if err := set(c.n...); (err == nil) != c.ok {
			t.Errorf("%s: error %v", c.what, err)
		}
	}
}
