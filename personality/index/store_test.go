package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"sort"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// store keeps all versions of tiles in memory, and counts.
type store struct {
	versions  map[string][]version // by revision, ascending
	reads     int                  // tiles asked for
	rounds    int                  // calls of Tiles
	rows      int                  // versions stored
	dataBytes int                  // bytes of ids and data stored
}

type version struct {
	revision uint64
	data     []byte
}

// cached returns a cache of about so many tiles.
func cached(tiles int) *cache.Cache { return cache.New(int64(tiles) * 1500) }

func newStore() *store { return &store{versions: map[string][]version{}} }

func (s *store) Tiles(_ context.Context, ids [][]byte, revision uint64) (map[string][]byte, error) {
	s.rounds++
	s.reads += len(ids)
	found := map[string][]byte{}
	for _, id := range ids {
		vs := s.versions[string(id)]
		if n := sort.Search(len(vs), func(i int) bool { return vs[i].revision > revision }); n > 0 {
			found[string(id)] = vs[n-1].data
		}
	}
	return found, nil
}

func (s *store) put(revision uint64, tiles []Tile) {
	for _, t := range tiles {
		s.versions[string(t.ID)] = append(s.versions[string(t.ID)], version{revision, t.Data})
		s.rows++
		s.dataBytes += len(t.ID) + len(t.Data)
	}
}

// advance updates the map and stores the result as the revision step later.
func (s *store) advance(t testing.TB, tree *Tree, base Snapshot, step uint64, keys []key) Snapshot {
	t.Helper()
	root, tiles, err := tree.update(context.Background(), s, base, keys)
	if err != nil {
		t.Fatal(err)
	}
	next := Snapshot{Revision: base.Revision + step, Root: root}
	s.put(next.Revision, tiles)
	return next
}

// equal compares the newest versions of all tiles.
func (s *store) equal(other *store) bool {
	if len(s.versions) != len(other.versions) {
		return false
	}
	for id, vs := range s.versions {
		others := other.versions[id]
		if len(others) == 0 || !bytes.Equal(vs[len(vs)-1].data, others[len(others)-1].data) {
			return false
		}
	}
	return true
}

func testHash(tag byte, n int) protocol.Hash {
	return protocol.HashOf([]byte{tag}, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// testKeys are keys number from to to, with the leaves of a generation.
func testKeys(from, to, generation int) []key {
	keys := make([]key, 0, to-from)
	for i := from; i < to; i++ {
		keys = append(keys, key{path: testHash('k', i), leaf: testHash(byte(generation), i)})
	}
	return keys
}
