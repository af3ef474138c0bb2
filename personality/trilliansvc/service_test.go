package trilliansvc_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/protocol"
	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
)

func start(t testing.TB, dir string) *trilliansvc.Service {
	t.Helper()
	s, err := trilliansvc.Embedded(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t testing.TB, s *trilliansvc.Service) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func openLog(t testing.TB, s *trilliansvc.Service, id int64, name string) *trilliansvc.Log {
	t.Helper()
	l, err := s.OpenLog(t.Context(), id, name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newLog starts a service that ends with the test, and a log in it.
func newLog(t testing.TB) *trilliansvc.Log {
	t.Helper()
	s := start(t, t.TempDir())
	t.Cleanup(func() { stop(t, s) })
	return openLog(t, s, 0, "records")
}

// leaf is the i-th leaf of a test.
func leaf(i int) trilliansvc.Leaf {
	value := fmt.Appendf(nil, "leaf %d", i)
	return trilliansvc.Leaf{
		Value:        value,
		ExtraData:    []byte(strings.Repeat("extra ", i%7)),
		IdentityHash: protocol.HashOf(value),
	}
}

func leaves(from, to int) []trilliansvc.Leaf {
	var ls []trilliansvc.Leaf
	for i := from; i < to; i++ {
		ls = append(ls, leaf(i))
	}
	return ls
}

func queue(t testing.TB, l *trilliansvc.Log, ls ...trilliansvc.Leaf) {
	t.Helper()
	if err := l.Queue(t.Context(), ls); err != nil {
		t.Fatal(err)
	}
}

// advance integrates and returns the root.
func advance(t testing.TB, l *trilliansvc.Log) trilliansvc.Root {
	t.Helper()
	if err := l.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	root, err := l.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// readAll reads the whole log, checks that its root is that of its leaves and
// returns them.
func readAll(t testing.TB, l *trilliansvc.Log) []trilliansvc.LeafAt {
	t.Helper()
	root, err := l.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.Leaves(t.Context(), 0, int(root.Size)+10)
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(all)) != root.Size {
		t.Fatalf("read %d leaves of a log of size %d", len(all), root.Size)
	}
	roots := treeRoots(t, all)
	if got := roots[len(all)]; got != root.Hash {
		t.Fatalf("root of the %d leaves is %v, the log says %v", len(all), got, root.Hash)
	}
	return all
}

// treeRoots returns the root at each size from 0 on.
func treeRoots(t testing.TB, all []trilliansvc.LeafAt) []protocol.Hash {
	t.Helper()
	cr := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	roots := []protocol.Hash{sha256.Sum256(nil)}
	for i, at := range all {
		if at.Index != uint64(i) {
			t.Fatalf("leaf %d has index %d", i, at.Index)
		}
		if err := cr.Append(rfc6962.DefaultHasher.HashLeaf(at.Value), nil); err != nil {
			t.Fatal(err)
		}
		root, err := cr.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, protocol.Hash(root))
	}
	return roots
}

func sameLeaf(a, b trilliansvc.Leaf) bool {
	return string(a.Value) == string(b.Value) && string(a.ExtraData) == string(b.ExtraData) && a.IdentityHash == b.IdentityHash
}

func TestQueueAdvanceReadBack(t *testing.T) {
	l := newLog(t)
	root := advance(t, l)
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
	if root = advance(t, l); root.Size != 2500 {
		t.Fatalf("size %d after 2500 leaves", root.Size)
	}
	if root.Time.Before(before) || root.Time.After(time.Now().Add(time.Second)) {
		t.Errorf("root time %v", root.Time)
	}
	all := readAll(t, l)
	seen := make(map[protocol.Hash]trilliansvc.Leaf)
	for i, at := range all {
		if i < 20 && !sameLeaf(at.Leaf, leaf(i)) {
			t.Errorf("leaf %d is %q", i, at.Value)
		}
		seen[at.IdentityHash] = at.Leaf
	}
	for i := range 2500 {
		if want := leaf(i); !sameLeaf(seen[want.IdentityHash], want) {
			t.Errorf("leaf %d was read back as %+v", i, seen[want.IdentityHash])
		}
	}
	if again := advance(t, l); again != root {
		t.Errorf("idle Advance changed the root from %v to %v", root, again)
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
	var want []trilliansvc.Leaf
	for i := range 30 {
		big := leaf(i)
		big.ExtraData = make([]byte, 3<<20)
		big.ExtraData[i] = 1
		want = append(want, big)
		queue(t, l, big)
	}
	advance(t, l)
	for i, at := range readAll(t, l) {
		if !sameLeaf(at.Leaf, want[i]) {
			t.Errorf("large leaf %d differs", i)
		}
	}
}

func TestDuplicates(t *testing.T) {
	l := newLog(t)
	queue(t, l, leaf(0), leaf(0), leaf(1))
	queue(t, l, leaf(1))
	advance(t, l)
	queue(t, l, leaf(0))
	if root := advance(t, l); root.Size != 2 {
		t.Errorf("size %d, want 2", root.Size)
	}
	other := leaf(2)
	other.IdentityHash = leaf(0).IdentityHash
	if err := l.Queue(t.Context(), []trilliansvc.Leaf{other}); !errors.Is(err, trilliansvc.ErrConflict) {
		t.Errorf("another value under the same identity: %v", err)
	}
	if err := l.Queue(t.Context(), []trilliansvc.Leaf{{}}); err == nil {
		t.Error("an empty leaf was queued")
	}
	// A bad leaf does not take its neighbours with it, even within one call.
	err := l.Queue(t.Context(), []trilliansvc.Leaf{leaf(10), other})
	if !errors.Is(err, trilliansvc.ErrConflict) {
		t.Errorf("call with a conflict: %v", err)
	}
	readAll(t, l)
}

func TestProofs(t *testing.T) {
	l := newLog(t)
	// Grow by steps, so that sizes of roots are all over the place.
	const size = 700
	for from, step := 0, 1; from < size; step = step%37 + 1 {
		to := min(from+step, size)
		queue(t, l, leaves(from, to)...)
		advance(t, l)
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
	advance(t, l)
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

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	l := openLog(t, s, 0, "records")
	queue(t, l, leaves(0, 300)...)
	root := advance(t, l)
	queue(t, l, leaves(300, 310)...) // never integrated in this run
	before := readAll(t, l)
	stop(t, s)
	if err := l.Advance(t.Context()); !errors.Is(err, trilliansvc.ErrClosed) {
		t.Errorf("Advance after Close: %v", err)
	}
	if err := l.Queue(t.Context(), leaves(400, 401)); err == nil {
		t.Error("Queue after Close succeeded")
	}

	s = start(t, dir)
	defer stop(t, s)
	again := openLog(t, s, 0, "records")
	if again.ID() != l.ID() {
		t.Fatalf("the display name gave tree %d, then %d", l.ID(), again.ID())
	}
	if got, err := again.Root(t.Context()); err != nil || got != root {
		t.Errorf("root %v, error %v, want %v", got, err, root)
	}
	if root := advance(t, again); root.Size != 310 {
		t.Errorf("size %d, want 310", root.Size)
	}
	after := readAll(t, again)
	if !slices.EqualFunc(before, after[:300], func(a, b trilliansvc.LeafAt) bool { return sameLeaf(a.Leaf, b.Leaf) }) {
		t.Error("leaves changed")
	}
}

func TestTwoLogs(t *testing.T) {
	s := start(t, t.TempDir())
	defer stop(t, s)
	records, checkpoints := openLog(t, s, 0, "records"), openLog(t, s, 0, "checkpoints")
	if records.ID() == checkpoints.ID() {
		t.Fatal("two names, one tree")
	}
	queue(t, records, leaves(0, 50)...)
	queue(t, checkpoints, leaf(0)) // the same leaf in another log is no duplicate
	if root := advance(t, checkpoints); root.Size != 1 {
		t.Errorf("checkpoints: size %d", root.Size)
	}
	if root, err := records.Root(t.Context()); err != nil || root.Size != 0 {
		t.Errorf("advancing one log advanced the other: size %d, error %v", root.Size, err)
	}
	if root := advance(t, records); root.Size != 50 {
		t.Errorf("records: size %d", root.Size)
	}
	readAll(t, records)
	readAll(t, checkpoints)
}

func TestOpenLog(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	defer stop(t, s)
	l := openLog(t, s, 0, "records")
	if again := openLog(t, s, 0, "records"); again.ID() != l.ID() {
		t.Error("the name was not found again")
	}
	if again := openLog(t, s, l.ID(), ""); again.ID() != l.ID() {
		t.Error("the id was not found")
	}
	for _, c := range []struct {
		id   int64
		name string
	}{{l.ID() ^ 1, ""}, {-1, ""}, {0, ""}} {
		if _, err := s.OpenLog(t.Context(), c.id, c.name); err == nil {
			t.Errorf("OpenLog(%d, %q) succeeded", c.id, c.name)
		} else if c.id != 0 && !strings.Contains(err.Error(), fmt.Sprint(c.id)) {
			t.Errorf("error does not name the tree: %v", err)
		}
	}
	var wg sync.WaitGroup
	ids := make([]int64, 8)
	for i := range ids {
		wg.Go(func() {
			l, err := s.OpenLog(context.Background(), 0, "race")
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = l.ID()
		})
	}
	wg.Wait()
	if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 1 {
		t.Errorf("openers at the same time got trees %v", ids)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	defer stop(t, s)
	_, err := trilliansvc.Embedded(t.Context(), dir, slog.New(slog.DiscardHandler))
	if !errors.Is(err, sqlitestorage.ErrInUse) {
		t.Errorf("a second service on the folder: %v", err)
	}
}

// Many writers, a signer and readers at once.
func TestConcurrentUse(t *testing.T) {
	l := newLog(t)
	const writers, each = 8, 60
	ctx, cancel := context.WithCancel(t.Context())
	var others, wg sync.WaitGroup
	others.Go(func() {
		for ctx.Err() == nil {
			if err := l.Advance(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	others.Go(func() {
		for ctx.Err() == nil {
			root, err := l.Root(context.Background())
			if err != nil {
				t.Error(err)
			} else if root.Size > 1 {
				if _, err := l.InclusionProof(context.Background(), root.Size/2, root.Size); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := l.Queue(context.Background(), leaves(w*each+i, w*each+i+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	others.Wait()
	if root := advance(t, l); root.Size != writers*each {
		t.Errorf("size %d, want %d", root.Size, writers*each)
	}
	readAll(t, l)
}

func TestDialNobody(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := trilliansvc.Dial(ctx, "127.0.0.1:1"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}
