package trilliansvc_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
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
func leaf(i int) follow.Leaf {
	value := fmt.Appendf(nil, "leaf %d", i)
	return follow.Leaf{Value: value, ExtraData: []byte(strings.Repeat("extra ", i%7))}
}

func leaves(from, to int) []follow.Leaf {
	var ls []follow.Leaf
	for i := from; i < to; i++ {
		ls = append(ls, leaf(i))
	}
	return ls
}

func queue(t testing.TB, l *trilliansvc.Log, ls ...follow.Leaf) {
	t.Helper()
	if err := l.Queue(t.Context(), ls); err != nil {
		t.Fatal(err)
	}
}

// integrate integrates and returns the root.
func integrate(t testing.TB, l *trilliansvc.Log) follow.Root {
	t.Helper()
	if err := l.Integrate(t.Context()); err != nil {
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
func readAll(t testing.TB, l *trilliansvc.Log) []follow.Leaf {
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
func treeRoots(t testing.TB, all []follow.Leaf) []protocol.Hash {
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

func sameLeaf(a, b follow.Leaf) bool {
	return string(a.Value) == string(b.Value) && string(a.ExtraData) == string(b.ExtraData)
}
