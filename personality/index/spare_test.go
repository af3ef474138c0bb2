package index

import (
	"context"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestCacheSparesReads(t *testing.T) {
	ctx, s := context.Background(), newStore()
	tree := NewTree(cached(4096))
	at := s.advance(t, tree, Snapshot{}, 1, testKeys(0, 500, 1))
	path := testKeys(3, 4, 1)[0].path
	if _, err := tree.prove(ctx, s, at, []protocol.Hash{path}); err != nil || s.reads != 0 {
		t.Errorf("%d reads after the update, %v, want none", s.reads, err)
	}
	cold := NewTree(cached(4096))
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
