package cache

import (
	"fmt"
	"sync"
	"testing"
)

func fixed[V any](bytes int64) func(V) int64 { return func(V) int64 { return bytes } }

// The maps of a cache share its bytes: however much passes through them, what was
// used last stays, whichever map it is in.
func TestWhatWasUsedLastStays(t *testing.T) {
	c := New(100 * (entryBytes + 40))
	numbers, names := NewMap[int](c, fixed[int](40)), NewMap[string](c, fixed[string](40))
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
	if len(numbers.items) != 99 || len(names.items) != 1 || c.entries.Len() != 100 {
		t.Errorf("%d and %d entries, %d in the order", len(numbers.items), len(names.items), c.entries.Len())
	}
	for i := range 1000 {
		if n, ok := numbers.Get(i); ok != (i > 900) || ok && n != i {
			t.Errorf("number %d: %d, %v", i, n, ok)
		}
	}
}

func TestPutReplaces(t *testing.T) {
	c := New(10_000)
	m := NewMap[string](c, func(v []byte) int64 { return int64(len(v)) })
	m.Put("a", make([]byte, 1000))
	m.Put("a", make([]byte, 10))
	if v, ok := m.Get("a"); !ok || len(v) != 10 {
		t.Errorf("%d bytes, %v", len(v), ok)
	}
	if used, _ := c.Bytes(); used != entryBytes+10 {
		t.Errorf("%d bytes used", used)
	}
	m.Put("a", make([]byte, 5000)) // too large to be kept, but the old one is not the value any more
	if _, ok := m.Get("a"); ok {
		t.Error("an old value stays where its successor is too large")
	}
	if used, _ := c.Bytes(); used != 0 || c.entries.Len() != 0 {
		t.Errorf("%d bytes, %d entries", used, c.entries.Len())
	}
}

func TestWithoutCacheNothingIsKept(t *testing.T) {
	m := NewMap[int](New(0), fixed[int](1))
	m.Put(1, 1)
	if _, ok := m.Get(1); ok {
		t.Error("kept")
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New(20 * (entryBytes + 1))
	m := NewMap[string](c, fixed[int](1))
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
	if len(m.items) != c.entries.Len() || len(m.items) != 20 {
		t.Errorf("%d items, %d in the order", len(m.items), c.entries.Len())
	}
}
