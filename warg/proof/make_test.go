package proof

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestRefusedRequests(t *testing.T) {
	l := newTestLog(20)
	roots := l.balancedRoots(t, 20)
	good := l.path(t, 3, 20)
	long := good
	long.Path = append(append([][]byte{}, good.Path...), make([]byte, 32))
	short := good
	short.Path = good.Path[1:]
	odd := good
	odd.Path = append([][]byte{make([]byte, 31)}, good.Path[1:]...)
	wrongLeaf := good
	wrongLeaf.LeafHash[0] ^= 1
	wrongRoots := append([]protocol.Hash{}, roots...)
	wrongRoots[1][0] ^= 1

	for _, c := range []struct {
		name   string
		length uint64
		roots  []protocol.Hash
		leaves []LeafPath
		want   error
	}{
		{"no leaves", 20, roots, nil, ErrNoProofs},
		{"length 0", 0, nil, []LeafPath{good}, ErrRange},
		{"node numbers of more than 32 bits", MaxLogLength + 1, roots, []LeafPath{good}, ErrRange},
		{"length of 64 bits", math.MaxUint64, roots, []LeafPath{good}, ErrRange},
		{"leaf at the length", 20, roots, []LeafPath{{Index: 20, Path: good.Path}}, ErrRange},
		{"leaf of 64 bits", 20, roots, []LeafPath{{Index: math.MaxUint64, Path: good.Path}}, ErrRange},
		{"second leaf beyond", 20, roots, []LeafPath{good, {Index: 21, Path: good.Path}}, ErrRange},
		{"long path", 20, roots, []LeafPath{long}, ErrPath},
		{"short path", 20, roots, []LeafPath{short}, ErrPath},
		{"hash of 31 bytes", 20, roots, []LeafPath{odd}, ErrPath},
		{"other leaf hash", 20, roots, []LeafPath{wrongLeaf}, ErrPath},
		{"other roots", 20, wrongRoots, []LeafPath{good}, ErrPath},
		{"too few roots", 20, roots[1:], []LeafPath{good}, ErrPath},
		{"path at another length", 20, roots, []LeafPath{l.path(t, 3, 19)}, ErrPath},
	} {
		if _, err := InclusionBundle(c.length, c.roots, c.leaves); !errors.Is(err, c.want) {
			t.Errorf("inclusion, %s: %v, want %v", c.name, err, c.want)
		}
	}

	for _, c := range []struct {
		name     string
		from, to uint64
		last     LeafPath
		want     error
	}{
		{"from 0", 0, 20, good, ErrRange},
		{"from 0 to 0", 0, 0, good, ErrRange},
		{"backwards", 5, 4, good, ErrRange},
		{"node numbers of more than 32 bits", 4, MaxLogLength + 1, good, ErrRange},
		{"from = to beyond", MaxLogLength + 1, MaxLogLength + 1, good, ErrRange},
		{"another leaf's path", 5, 20, good, ErrPath},
		{"other leaf hash", 4, 20, wrongLeaf, ErrPath},
	} {
		if _, err := ConsistencyBundle(c.from, c.to, roots, c.last); !errors.Is(err, c.want) {
			t.Errorf("consistency, %s: %v, want %v", c.name, err, c.want)
		}
	}

	if _, err := ConsistencyBundle(5, 20, roots, good); err == nil || !strings.Contains(err.Error(), "path of leaf 3, want that of leaf 4") {
		t.Errorf("another leaf's path: %v", err)
	}

	last := l.path(t, 19, 20)
	if _, err := BalancedRoots(20, good); !errors.Is(err, ErrRange) {
		t.Errorf("balanced roots from a leaf that is not the last: %v", err)
	}
	if _, err := BalancedRoots(0, LeafPath{}); !errors.Is(err, ErrRange) {
		t.Errorf("balanced roots of the empty log: %v", err)
	}
	last.Path = last.Path[1:]
	if _, err := BalancedRoots(20, last); !errors.Is(err, ErrPath) {
		t.Errorf("balanced roots from a short path: %v", err)
	}
}

// The greatest log that can be spoken of: its last leaf has the greatest node
// number there is. Nobody has such a log here, but one perfect tree's path can
// be made up.
func TestGreatestLength(t *testing.T) {
	last := LeafPath{Index: MaxLogLength - 1, LeafHash: protocol.HashOf([]byte("leaf"))}
	for i := range 31 {
		hash := protocol.HashOf([]byte{byte(i)})
		last.Path = append(last.Path, hash[:])
	}
	roots, err := BalancedRoots(MaxLogLength, last)
	if err != nil {
		t.Fatal(err)
	}
	b, err := InclusionBundle(MaxLogLength, roots, []LeafPath{last})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.IncludedNodes[0]; got != math.MaxUint32-1 {
		t.Errorf("node %d, want %d", got, uint32(math.MaxUint32-1))
	}
	leaf := Leaf{Index: last.Index, Hash: last.LeafHash}
	if err := b.VerifyInclusion(MaxLogLength, RootOf(roots), []Leaf{leaf}); err != nil {
		t.Error(err)
	}
	if b, err = ConsistencyBundle(MaxLogLength, MaxLogLength, roots, LeafPath{}); err != nil {
		t.Fatal(err)
	}
	if err := b.VerifyConsistency(MaxLogLength, MaxLogLength, RootOf(roots), RootOf(roots)); err != nil {
		t.Error(err)
	}
}

func TestVerifyCounts(t *testing.T) {
	l := newTestLog(11)
	inc, err := l.inclusion(t, 11, 3, 10)
	if err != nil {
		t.Fatal(err)
	}
	con, err := l.consistency(t, 5, 11)
	if err != nil {
		t.Fatal(err)
	}
	root, from := l.root(11), l.root(5)
	both := union(con, inc)
	if err := both.VerifyInclusion(11, root, l.leaves(3, 10)); err != nil {
		t.Errorf("inclusion beside consistency: %v", err)
	}
	// Other than the other way round, the official client refuses this.
	if err := both.VerifyConsistency(5, 11, from, root); !errors.Is(err, ErrProofCount) {
		t.Errorf("consistency beside inclusion: %v, want %v", err, ErrProofCount)
	}
	both.IncludedNodes = nil
	if err := both.VerifyConsistency(5, 11, from, root); err != nil {
		t.Errorf("consistency with hashes that are not needed: %v", err)
	}
	twice := con
	twice.ConsistentLengths = []uint32{5, 5}
	none := con
	none.ConsistentLengths = nil
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"nothing to verify", inc.VerifyInclusion(11, root, nil), ErrNoProofs},
		{"other order", inc.VerifyInclusion(11, root, l.leaves(10, 3)), ErrProofCount},
		{"no inclusion proofs", con.VerifyInclusion(11, root, l.leaves(3)), ErrProofCount},
		{"no consistency proof", inc.VerifyConsistency(5, 11, from, root), ErrProofCount},
		{"leaf beyond", inc.VerifyInclusion(11, root, []Leaf{{Index: 11}, {Index: 12}}), ErrRange},
		{"two lengths", twice.VerifyConsistency(5, 11, from, root), ErrProofCount},
		{"no length", none.VerifyConsistency(5, 11, from, root), ErrProofCount},
		{"from 0", con.VerifyConsistency(0, 11, from, root), ErrRange},
		{"backwards", con.VerifyConsistency(12, 11, from, root), ErrRange},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
}

// A path may end at the balanced root above its leaf: the bundle is the same.
func TestPathsUpToTheBalancedRoot(t *testing.T) {
	for _, size := range []uint64{1, 2, 3, 7, 8, 21, 64, 100} {
		log := newTestLog(int(size))
		roots := log.balancedRoots(t, size)
		for i := range size {
			whole := log.path(t, i, size)
			within := 0
			for _, n := range balancedRootNodes(size) {
				if n.covers(i) {
					within = n.height()
				}
			}
			short := whole
			short.Path = whole.Path[:within]
			want, err := InclusionBundle(size, roots, []LeafPath{whole})
			if err != nil {
				t.Fatal(err)
			}
			got, err := InclusionBundle(size, roots, []LeafPath{short})
			if err != nil || !bytes.Equal(got.Encode(), want.Encode()) {
				t.Errorf("leaf %d of %d: %v, or another bundle", i, size, err)
			}
			if within > 0 {
				short.Path = whole.Path[:within-1]
				if _, err := InclusionBundle(size, roots, []LeafPath{short}); !errors.Is(err, ErrPath) {
					t.Errorf("leaf %d of %d with a shorter path: %v", i, size, err)
				}
			}
		}
	}
}
