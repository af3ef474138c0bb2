package index

import (
	"context"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestCacheSparesReads(t *testing.T) {
	ctx, s := context.Background(), newStore()
	tree := NewTree(DefaultCacheTiles)
	at := s.advance(t, tree, Snapshot{}, 1, testKeys(0, 500, 1))
	path := testKeys(3, 4, 1)[0].path
	if _, err := tree.prove(ctx, s, at, []protocol.Hash{path}); err != nil || s.reads != 0 {
		t.Errorf("%d reads after the update, %v, want none", s.reads, err)
	}
	cold := NewTree(DefaultCacheTiles)
	for range 2 {
		if _, err := cold.prove(ctx, s, at, []protocol.Hash{path}); err != nil {
			t.Fatal(err)
		}
	}
	if s.reads == 0 || s.reads > 4 {
		t.Errorf("%d reads for a proof made twice, want those of one", s.reads)
	}
	// The next revision shares all tiles but those of one path.
	next := s.advance(t, cold, at, 1, testKeys(4, 5, 2))
	s.reads = 0
	if _, err := cold.prove(ctx, s, next, []protocol.Hash{testKeys(4, 5, 2)[0].path}); err != nil || s.reads != 0 {
		t.Errorf("%d reads on the path of the update, %v, want none", s.reads, err)
	}
}

// However many tiles pass through it, a cache keeps no more than it may, and
// those that are in use.
func TestCacheIsBounded(t *testing.T) {
	c := newCache(20)
	made := make([]*tile, 1000)
	for i := range made {
		made[i] = &tile{root: testHash('t', i)}
		c.put(made[i])
		c.get(tileName{root: made[0].root})
	}
	if n := len(c.young) + len(c.old); n > 20 {
		t.Errorf("%d tiles kept, want at most 20", n)
	}
	kept := func(i int) bool { return c.get(tileName{root: made[i].root}) == made[i] }
	if !kept(0) || !kept(len(made)-1) {
		t.Error("a tile in use was dropped")
	}
	if slices.ContainsFunc([]int{1, 100, 900}, kept) {
		t.Error("a tile out of use was kept")
	}
}
