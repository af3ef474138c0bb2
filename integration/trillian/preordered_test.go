package trillian

import (
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// A preordered log at Trillian's own servers takes leaves at their places, some of them
// again, gives the root of that log, and goes on as one that Trillian orders.
func TestPreorderedLogBecomesOrdered(t *testing.T) {
	c := Config{DSN: newDatabase(t)}
	server := StartLogServer(t, c)
	StartSigner(t, c)
	s := dial(t, trilliansvc.Options{Target: server.RPC})
	l, err := s.OpenPreordered(t.Context(), 0, "copy")
	ok(t, err)
	var all []follow.Leaf
	for i := range 600 {
		one := leaf(i)
		one.Index = uint64(i)
		all = append(all, one)
	}
	ok(t, l.AddSequenced(t.Context(), all[:300]))
	ok(t, l.AddSequenced(t.Context(), all[200:]))
	for i, got := range must(readAll(t, l, all)) {
		if got.Index != uint64(i) || string(got.Value) != string(all[i].Value) {
			t.Fatalf("leaf %d is another one", i)
		}
	}
	ok(t, l.AddSequenced(t.Context(), all[500:])) // that are integrated
	for range 2 {
		ok(t, s.Order(t.Context(), l.ID()))
	}
	l, err = s.OpenLog(t.Context(), l.ID(), "")
	ok(t, err)
	more := []follow.Leaf{leaf(600), leaf(601)}
	ok(t, l.Queue(t.Context(), append([]follow.Leaf{all[3]}, more...)))
	readAll(t, l, append(all, more...))
}

func must[T, U any](value T, _ U) T { return value }
