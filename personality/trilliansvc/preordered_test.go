package trilliansvc_test

import (
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// indexed are leaves with their places.
func indexed(from, to int) []follow.Leaf {
	all := leaves(from, to)
	for i := range all {
		all[i].Index = uint64(from + i)
	}
	return all
}

// A preordered log takes leaves at their places, again, and in any order; gives the roots
// of that log; survives its process; and goes on as a log that Trillian orders.
func TestPreorderedLogBecomesOrdered(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	l, err := s.OpenPreordered(t.Context(), 0, "copy")
	if err != nil {
		t.Fatal(err)
	}
	add := func(all []follow.Leaf) {
		t.Helper()
		if err := l.AddSequenced(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	add(indexed(0, 300))
	add(indexed(200, 600)) // some of them again
	if root := integrate(t, l); root.Size != 600 {
		t.Fatalf("integrated %d leaves", root.Size)
	}
	add(indexed(610, 620)) // behind a gap
	if root := integrate(t, l); root.Size != 600 {
		t.Fatalf("integrated %d leaves across a gap", root.Size)
	}
	other := leaf(9999)
	other.Index = 5
	if err := l.AddSequenced(t.Context(), []follow.Leaf{other}); !errors.Is(err, trilliansvc.ErrConflict) {
		t.Errorf("another leaf at an index: %v", err)
	}
	if err := s.Order(t.Context(), l.ID()); err == nil {
		t.Error("a log with a gap was made an ordered one")
	}
	add(indexed(0, 1)) // it is as it was
	stop(t, s)

	s = start(t, dir)
	if l, err = s.OpenPreordered(t.Context(), 0, "copy"); err != nil {
		t.Fatal(err)
	}
	add(indexed(600, 610))
	if root := integrate(t, l); root.Size != 620 {
		t.Fatalf("integrated %d leaves once the gap was closed", root.Size)
	}
	before := readAll(t, l)
	for range 2 { // it may be repeated
		if err := s.Order(t.Context(), l.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if l, err = s.OpenLog(t.Context(), 0, "copy"); err != nil {
		t.Fatal(err)
	}
	queue(t, l, leaf(3)) // is there already
	queue(t, l, leaves(620, 650)...)
	if root := integrate(t, l); root.Size != 650 {
		t.Fatalf("the ordered log has %d leaves, want 650", root.Size)
	}
	after := readAll(t, l)
	for i := range before {
		if !sameLeaf(before[i], after[i]) {
			t.Fatalf("leaf %d changed", i)
		}
	}
	if err := l.AddSequenced(t.Context(), indexed(650, 651)); err == nil {
		t.Error("an ordered log took a leaf with its index")
	}
	stop(t, s)
}
