package reader

import (
	"encoding/binary"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func logNumber(n int) (id protocol.Hash) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// leavesOf are leaves from an index on, of the logs with these numbers.
func leavesOf(from uint64, logs ...int) []store.Leaf {
	leaves := make([]store.Leaf, len(logs))
	for i, n := range logs {
		leaves[i] = store.Leaf{LogLeaf: protocol.LogLeaf{LogID: logNumber(n)}, RegistryIndex: from + uint64(i)}
	}
	return leaves
}

// That a log did not change is only said of what was followed.
func TestChanges(t *testing.T) {
	var c changes
	c.begin(100)
	c.add(leavesOf(100, 1, 2, 1), 103)
	c.add(leavesOf(103, 3), 104)
	for _, q := range []struct {
		log      int
		from, to uint64
		want     bool
	}{
		{9, 100, 104, true},  // no leaf there
		{9, 99, 104, false},  // before the beginning nothing is known
		{9, 100, 105, false}, // nor behind the end
		{1, 100, 104, false}, // has leaves there
		{1, 102, 104, false}, // its last one
		{1, 103, 104, true},
		{2, 101, 102, false},
		{2, 102, 103, true},
		{2, 100, 101, false}, // none there, but one later: which is not told apart
		{3, 104, 104, true},
	} {
		if got := c.none(logNumber(q.log), q.from, q.to); got != q.want {
			t.Errorf("log %d from %d to %d: %v", q.log, q.from, q.to, got)
		}
	}
	if c.reach(105) || !c.reach(104) || !c.reach(3) {
		t.Error("reaches another length")
	}
	c.begin(9000) // too far to follow
	if c.none(logNumber(9), 104, 9000) || !c.none(logNumber(9), 9000, 9000) {
		t.Error("what was not followed is said to be known")
	}
}

// However many logs change, few of them are remembered, and none wrongly.
func TestChangesAreBounded(t *testing.T) {
	var c changes
	c.begin(1)
	at := uint64(1)
	for n := range 3 * maxChanges / 100 {
		logs := make([]int, 100)
		for i := range logs {
			logs[i] = n*100 + i
		}
		c.add(leavesOf(at, logs...), at+100)
		at += 100
		if len(c.newest) > maxChanges+100 {
			t.Fatalf("%d logs are remembered", len(c.newest))
		}
		if c.none(logNumber(0), 1, at) {
			t.Fatal("a log that changed is said not to have")
		}
	}
}
