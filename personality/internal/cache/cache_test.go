package cache

import (
	"fmt"
	"sync"
	"testing"
)

func fixed[V any](bytes int64) func(V) int64 { return func(V) int64 { return bytes } }

// inOrder counts the items from the oldest on.
func inOrder[K comparable, V any](m *Map[K, V]) (n int) {
	for i := m.ends.newer; i != &m.ends; i = i.newer {
		n++
	}
	return n
}

// The maps of a cache share its bytes: however much passes through them, what was
// used last stays, whichever map it is in.
func TestWhatWasUsedLastStays(t *testing.T) {
	c := New(1)
	numbers, names := NewMap[int](c, 1, fixed[int](1000)), NewMap[string](c, 1, fixed[string](1000))
	c.max = 99*(1000+numbers.itemBytes()) + 1000 + names.itemBytes()
	numbers.most, names.most = c.max, c.max
	names.Put("in use", "yes")
	for i := range 1000 {
		numbers.Put(i, i)
		if _, ok := names.Get("in use"); !ok {
			t.Fatalf("what is in use was dropped after %d others", i)
		}
		if used, most := c.Bytes(); used > most {
			t.Fatalf("%d bytes of at most %d", used, most)
		}
	}
	if len(numbers.items) != 99 || len(names.items) != 1 || inOrder(numbers) != 99 || inOrder(names) != 1 {
		t.Errorf("%d and %d items, %d and %d in order", len(numbers.items), len(names.items), inOrder(numbers), inOrder(names))
	}
	for i := range 1000 {
		if n, ok := numbers.Get(i); ok != (i > 900) || ok && n != i {
			t.Errorf("number %d: %d, %v", i, n, ok)
		}
	}
}

// A map that may have a part of the cache makes room by itself, at nobody else's
// cost.
func TestPartOfACache(t *testing.T) {
	c := New(100_000)
	many, others := NewMap[int](c, 4, fixed[int](1000)), NewMap[int](c, 1, fixed[int](1000))
	for i := range 50 {
		others.Put(i, i)
	}
	for i := range 1000 {
		many.Put(i, i)
	}
	if n := int64(inOrder(many)); n == 0 || n*(1000+many.itemBytes()) > 25_000 || inOrder(others) != 50 {
		t.Errorf("%d and %d items", n, inOrder(others))
	}
}

func TestPutReplaces(t *testing.T) {
	c := New(10_000)
	m := NewMap[string](c, 1, func(v []byte) int64 { return int64(len(v)) })
	m.Put("a", make([]byte, 1000))
	m.Put("a", make([]byte, 10))
	if v, ok := m.Get("a"); !ok || len(v) != 10 {
		t.Errorf("%d bytes, %v", len(v), ok)
	}
	if used, _ := c.Bytes(); used != m.itemBytes()+10 {
		t.Errorf("%d bytes used", used)
	}
	m.Get("b")
	if got, want := c.Stats(), (Stats{m.itemBytes() + 10, 1, 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	m.Put("a", make([]byte, 5000)) // too large to be kept, but the old one is not the value any more
	if _, ok := m.Get("a"); ok {
		t.Error("an old value stays where its successor is too large")
	}
	if used, _ := c.Bytes(); used != 0 || inOrder(m) != 0 {
		t.Errorf("%d bytes, %d items in order", used, inOrder(m))
	}
}

func TestWithoutCacheNothingIsKept(t *testing.T) {
	m := NewMap[int](New(0), 1, fixed[int](1))
	m.Put(1, 1)
	if _, ok := m.Get(1); ok {
		t.Error("kept")
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New(1)
	m := NewMap[string](c, 1, fixed[int](1))
	c.max, m.most = 20*(1+m.itemBytes()), 20*(1+m.itemBytes())
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 5000 {
				n := (i*7 + w) % 50
				key := fmt.Sprint(n)
				if v, ok := m.Get(key); ok && v != n {
					t.Errorf("%s has %d", key, v)
				}
				m.Put(key, n)
			}
		})
	}
	all.Wait()
	if len(m.items) != inOrder(m) || len(m.items) != 20 {
		t.Errorf("%d items, %d in order", len(m.items), inOrder(m))
	}
}
