// Package cache keeps what costs more to make again than to keep, within a bound
// on its bytes.
package cache

import (
	"container/list"
	"sync"
)

// Cache bounds what several maps keep, all of them together: what was used longest
// ago makes room. Safe for concurrent use. A nil Cache keeps nothing.
type Cache struct {
	max int64

	mu      sync.Mutex
	used    int64     // guarded by mu; bytes
	entries list.List // guarded by mu; of entry, the one that was used last first
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

// entryBytes is about what an entry takes beside its key and value: its places in
// a map, which has free ones, and in the list.
const entryBytes = 160

// entry is one of any map.
type entry interface {
	bytes() int64
	forget() // under the cache's mu
}

// Map keeps values by key in a [Cache]. Values are shared by all who get them, and
// never changed. Safe for concurrent use.
type Map[K comparable, V any] struct {
	cache *Cache
	size  func(V) int64       // bytes of a key and its value
	items map[K]*list.Element // guarded by cache.mu; of *item[K, V]
}

type item[K comparable, V any] struct {
	in    *Map[K, V]
	key   K
	value V
	size  int64
}

func (i *item[K, V]) bytes() int64 { return i.size }
func (i *item[K, V]) forget()      { delete(i.in.items, i.key) }

// NewMap returns an empty map of a cache. size is about how many bytes a key and
// its value take.
func NewMap[K comparable, V any](c *Cache, size func(V) int64) *Map[K, V] {
	return &Map[K, V]{cache: c, size: size, items: map[K]*list.Element{}}
}

// Get returns the value of a key, if it is kept.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if m.cache == nil {
		return value, false
	}
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	element, ok := m.items[key]
	if !ok {
		return value, false
	}
	m.cache.entries.MoveToFront(element)
	return element.Value.(*item[K, V]).value, true
}

// Put keeps a value, in the place of the one that its key had. A value that is
// larger than a quarter of the cache is not kept.
func (m *Map[K, V]) Put(key K, value V) {
	if m.cache == nil {
		return
	}
	i := &item[K, V]{in: m, key: key, value: value, size: m.size(value) + entryBytes}
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	if old, ok := m.items[key]; ok {
		m.cache.remove(old)
	}
	if i.size > m.cache.max/4 {
		return
	}
	m.items[key] = m.cache.entries.PushFront(i)
	m.cache.used += i.size
	for m.cache.used > m.cache.max {
		m.cache.remove(m.cache.entries.Back())
	}
}

// remove is called with mu held.
func (c *Cache) remove(element *list.Element) {
	e := c.entries.Remove(element).(entry)
	c.used -= e.bytes()
	e.forget()
}
