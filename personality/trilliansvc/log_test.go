package trilliansvc_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestQueueIntegrateReadBack(t *testing.T) {
	l := newLog(t)
	root := integrate(t, l)
	if root.Size != 0 || root.Hash != sha256.Sum256(nil) {
		t.Errorf("root of a new log: size %d, hash %v", root.Size, root.Hash)
	}
	if all := readAll(t, l); len(all) != 0 {
		t.Errorf("a new log has %d leaves", len(all))
	}
	before := time.Now()
	for i := range 20 { // one after another: the order is kept
		queue(t, l, leaf(i))
	}
	queue(t, l, leaves(20, 2500)...)
	if root = integrate(t, l); root.Size != 2500 {
		t.Fatalf("size %d after 2500 leaves", root.Size)
	}
	if made, err := l.RootTime(t.Context()); err != nil || made.Before(before) || made.After(time.Now().Add(time.Second)) {
		t.Errorf("root time %v, error %v", made, err)
	}
	all := readAll(t, l)
	seen := make(map[string]follow.Leaf)
	for i, at := range all {
		if i < 20 && !sameLeaf(at, leaf(i)) {
			t.Errorf("leaf %d is %q", i, at.Value)
		}
		seen[string(at.Value)] = at
	}
	for i := range 2500 {
		if want := leaf(i); !sameLeaf(seen[string(want.Value)], want) {
			t.Errorf("leaf %d was read back as %+v", i, seen[string(want.Value)])
		}
	}
	if again := integrate(t, l); again != root {
		t.Errorf("idle Integrate changed the root from %v to %v", root, again)
	}
	for _, c := range []struct {
		start        uint64
		count, wants int
	}{{0, 0, 0}, {0, 1, 1}, {2499, 10, 1}, {2500, 10, 0}, {9999, 1, 0}, {1, 1030, 1030}} {
		got, err := l.Leaves(t.Context(), c.start, c.count)
		if err != nil || len(got) != c.wants {
			t.Errorf("Leaves(%d, %d): %d leaves, error %v, want %d", c.start, c.count, len(got), err, c.wants)
		}
	}
}

// Leaves that do not fit into one message of the connection.
func TestLargeLeaves(t *testing.T) {
	l := newLog(t)
	var want []follow.Leaf
	for i := range 30 {
		big := leaf(i)
		big.ExtraData = make([]byte, 3<<20)
		big.ExtraData[i] = 1
		want = append(want, big)
		queue(t, l, big)
	}
	integrate(t, l)
	for i, at := range readAll(t, l) {
		if !sameLeaf(at, want[i]) {
			t.Errorf("large leaf %d differs", i)
		}
	}
}

func TestDuplicates(t *testing.T) {
	l := newLog(t)
	queue(t, l, leaf(0), leaf(0), leaf(1))
	queue(t, l, leaf(1))
	integrate(t, l)
	queue(t, l, leaf(0))
	if root := integrate(t, l); root.Size != 2 {
		t.Errorf("size %d, want 2", root.Size)
	}
	other := leaf(2)
	if err := l.QueueAs(t.Context(), []byte("not that"), protocol.HashOf(other.Value)); err != nil {
		t.Fatal(err)
	}
	if err := l.Queue(t.Context(), []follow.Leaf{other}); !errors.Is(err, trilliansvc.ErrConflict) {
		t.Errorf("another value under the same identity: %v", err)
	}
	if err := l.Queue(t.Context(), []follow.Leaf{{}}); err == nil {
		t.Error("an empty leaf was queued")
	}
	if err := l.Queue(t.Context(), []follow.Leaf{leaf(10), other}); !errors.Is(err, trilliansvc.ErrConflict) {
		t.Errorf("call with a conflict: %v", err)
	}
	readAll(t, l)
	// What stands there under another identity than its own could be there twice.
	root := integrate(t, l)
	_, err := l.Leaves(t.Context(), 0, int(root.Size))
	if _, ok := errors.AsType[*follow.InconsistentError](err); !ok || !strings.Contains(err.Error(), "identity hash") {
		t.Errorf("read a leaf under the identity of another: %v", err)
	}
}

func TestProofs(t *testing.T) {
	l := newLog(t)
	// Grow by steps, so that sizes of roots are all over the place.
	const size = 700
	for from, step := 0, 1; from < size; step = step%37 + 1 {
		to := min(from+step, size)
		queue(t, l, leaves(from, to)...)
		integrate(t, l)
		from = to
	}
	all := readAll(t, l)
	roots := treeRoots(t, all)
	ctx, h := t.Context(), rfc6962.DefaultHasher
	for n := uint64(1); n <= size; n += 1 + n/16 {
		for i := uint64(0); i < n; i += 1 + n/9 {
			p, err := l.InclusionProof(ctx, i, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyInclusion(h, i, n, h.HashLeaf(all[i].Value), p, roots[n][:]); err != nil {
				t.Errorf("inclusion of %d in %d: %v", i, n, err)
			}
		}
		for m := uint64(0); m <= n; m += 1 + n/9 {
			p, err := l.ConsistencyProof(ctx, m, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyConsistency(h, m, n, p, roots[m][:], roots[n][:]); err != nil {
				t.Errorf("consistency of %d and %d: %v", m, n, err)
			}
		}
	}
	if p, err := l.InclusionProof(ctx, 0, 1); err != nil || len(p) != 0 {
		t.Errorf("proof of the only leaf: %d hashes, error %v", len(p), err)
	}
	if _, err := l.InclusionProof(ctx, 0, size+1); !errors.Is(err, trilliansvc.ErrBeyondLog) {
		t.Errorf("inclusion beyond the log: %v", err)
	}
	if _, err := l.ConsistencyProof(ctx, 1, size+1); !errors.Is(err, trilliansvc.ErrBeyondLog) {
		t.Errorf("consistency beyond the log: %v", err)
	}
	if _, err := l.InclusionProof(ctx, 5, 5); err == nil {
		t.Error("inclusion of a leaf beyond the size was proved")
	}
}

func TestIndexOf(t *testing.T) {
	l := newLog(t)
	queue(t, l, leaf(0))
	queue(t, l, leaf(1))
	integrate(t, l)
	queue(t, l, leaf(2)) // queued only
	hash := func(i int) protocol.Hash { return protocol.Hash(rfc6962.DefaultHasher.HashLeaf(leaf(i).Value)) }
	for _, c := range []struct {
		leaf  int
		size  uint64
		found bool
	}{{0, 2, true}, {1, 2, true}, {1, 1, false}, {2, 2, false}, {0, 0, false}} {
		index, found, err := l.IndexOf(t.Context(), hash(c.leaf), c.size)
		if err != nil || found != c.found || found && index != uint64(c.leaf) {
			t.Errorf("IndexOf(leaf %d, size %d) = %d, %v, %v", c.leaf, c.size, index, found, err)
		}
	}
}
