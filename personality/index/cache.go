package index

import (
	"sync"

	"github.com/google/trillian/merkle/smt/node"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// tileName names a tile whatever its revision: its content follows from it.
type tileName struct {
	id   node.ID
	root protocol.Hash
}

// cache keeps the tiles that were used last, up to a limit. It is two
// generations: what is not used while one fills is dropped with the next.
// Safe for concurrent use.
type cache struct {
	limit int // tiles in a generation

	mu    sync.Mutex
	young map[tileName]*tile // guarded by mu
	old   map[tileName]*tile // guarded by mu
}

func newCache(tiles int) *cache {
	return &cache{limit: max(tiles/2, 1), young: map[tileName]*tile{}}
}

// get returns nil for a tile that is not kept.
func (c *cache) get(name tileName) *tile {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.young[name]; ok {
		return t
	}
	t, ok := c.old[name]
	if ok {
		c.add(name, t)
	}
	return t
}

func (c *cache) put(t *tile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(tileName{t.id, t.root}, t)
}

// add is called with mu held.
func (c *cache) add(name tileName, t *tile) {
	if len(c.young) >= c.limit {
		c.young, c.old = make(map[tileName]*tile, c.limit), c.young
	}
	c.young[name] = t
}
