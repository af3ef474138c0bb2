// Package cache keeps what costs more to make again than to keep, within a bound
// on its bytes.
package cache

import (
	"sync"
	"unsafe"
)

// Cache bounds what several maps keep, all of them together: what was used longest
// ago makes room. Safe for concurrent use. A nil Cache keeps nothing.
type Cache struct {
	max int64

	mu    sync.Mutex
	used  int64   // guarded by mu; bytes
	clock uint64  // guarded by mu; counts uses
	found uint64  // guarded by mu
	asked uint64  // guarded by mu
	maps  []order // guarded by mu
}

// Stats are what a cache keeps, and how often it was of use.
type Stats struct {
	Bytes        int64
	Hits, Misses uint64 // of [Map.Get], of all maps
}

// Stats are zero for a nil Cache.
func (c *Cache) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{c.used, c.found, c.asked - c.found}
}

// order is the entries of a map by their last use. All is called under the cache's
// mu.
type order interface {
	oldest() (used uint64, ok bool)
	dropOldest()
}

// New returns a cache of so many bytes; nil, which keeps nothing, for none.
func New(bytes int64) *Cache {
	if bytes <= 0 {
		return nil
	}
	return &Cache{max: bytes}
}

// Bytes returns how much is kept, and how much may be.
func (c *Cache) Bytes() (used, most int64) {
	if c == nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used, c.max
}

// tick is called under mu.
func (c *Cache) tick() uint64 {
	c.clock++
	return c.clock
}

// shrink drops what was used longest ago until all fits. Under mu.
func (c *Cache) shrink() {
	for c.used > c.max {
		var from order
		var oldest uint64
		for _, m := range c.maps {
			if used, ok := m.oldest(); ok && (from == nil || used < oldest) {
				from, oldest = m, used
			}
		}
		from.dropOldest()
	}
}

// Map keeps values by key in a [Cache]. Values are shared by all who get them, and
// never changed. Safe for concurrent use.
type Map[K comparable, V any] struct {
	cache *Cache
	size  func(V) int64

	most  int64             // bytes
	used  int64             // guarded by cache.mu; bytes
	items map[K]*item[K, V] // guarded by cache.mu
	ends  item[K, V]        // guarded by cache.mu; before the item that was used last and behind the oldest
}

type item[K comparable, V any] struct {
	newer, older *item[K, V]
	used         uint64
	bytes        int64
	key          K
	value        V
}

// NewMap returns an empty map of a cache that has at most one of so many parts of
// it: 1 for what may have all. size is about how many bytes a value has beside what
// stands in V itself.
func NewMap[K comparable, V any](c *Cache, parts int64, size func(V) int64) *Map[K, V] {
	m := &Map[K, V]{cache: c, size: size, items: map[K]*item[K, V]{}}
	m.ends.newer, m.ends.older = &m.ends, &m.ends
	if c != nil {
		m.most = c.max / parts
		c.mu.Lock()
		defer c.mu.Unlock()
		c.maps = append(c.maps, m)
	}
	return m
}

// itemBytes is about what an item takes with its place in the map, which has some
// free ones.
func (m *Map[K, V]) itemBytes() int64 {
	const place = 2
	return int64(unsafe.Sizeof(item[K, V]{}) + place*(unsafe.Sizeof(m.ends.key)+unsafe.Sizeof(&m.ends)))
}

// Get returns the value of a key, if it is kept.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if m.cache == nil {
		return value, false
	}
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	m.cache.asked++
	i, ok := m.items[key]
	if !ok {
		return value, false
	}
	m.cache.found++
	i.unlink()
	m.use(i)
	return i.value, true
}

// Put keeps a value, in the place of the one that its key had. A value that is
// larger than a quarter of what the map may have is not kept.
func (m *Map[K, V]) Put(key K, value V) {
	if m.cache == nil {
		return
	}
	bytes := m.size(value) + m.itemBytes()
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	if old, ok := m.items[key]; ok {
		m.drop(old)
	}
	if bytes > m.most/4 {
		return
	}
	i := &item[K, V]{key: key, value: value, bytes: bytes}
	m.items[key] = i
	m.use(i)
	m.used += bytes
	m.cache.used += bytes
	for m.used > m.most {
		m.dropOldest()
	}
	m.cache.shrink()
}

// use puts an item before all others. Under mu.
func (m *Map[K, V]) use(i *item[K, V]) {
	i.used = m.cache.tick()
	i.newer, i.older = &m.ends, m.ends.older
	i.newer.older, i.older.newer = i, i
}

func (i *item[K, V]) unlink() { i.newer.older, i.older.newer = i.older, i.newer }

// drop is called under mu.
func (m *Map[K, V]) drop(i *item[K, V]) {
	i.unlink()
	delete(m.items, i.key)
	m.used -= i.bytes
	m.cache.used -= i.bytes
}

func (m *Map[K, V]) oldest() (used uint64, ok bool) {
	return m.ends.newer.used, m.ends.newer != &m.ends
}

func (m *Map[K, V]) dropOldest() { m.drop(m.ends.newer) }
