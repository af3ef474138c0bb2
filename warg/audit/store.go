package audit

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"
)

// Store keeps what an auditor knows, from round to round and over a crash: values by
// key, in a few spaces. A space is a short word of lower-case letters; keys and values
// are bytes, keys of at most some 300 bytes, and values of at most some 100 KiB but for
// those of hostile registries.
//
// What is in it is believed: keep it from others. A Store is for one registry and one
// auditor at a time. Its methods are called by one goroutine at a time.
type Store interface {
	// Get returns a value, nil if there is none. The caller does not change it.
	Get(ctx context.Context, space string, key []byte) ([]byte, error)
	// List returns up to limit items of a space whose keys are greater than after, in
	// the order of their bytes. The empty key is no key, so nil begins at the first.
	List(ctx context.Context, space string, after []byte, limit int) ([]Item, error)
	// Commit makes all changes, in order, or none, also if the process or the machine
	// ends at any point. When it returns they are on disk. The slices are not changed
	// afterwards.
	Commit(ctx context.Context, changes []Put) error
}

// Item is a key and its value.
type Item struct{ Key, Value []byte }

// Put sets the value of a key, or removes it if the value is nil.
type Put struct {
	Space      string
	Key, Value []byte
}

// MemoryStore is a Store in memory. The zero value is empty. It may be used by several
// goroutines.
type MemoryStore struct {
	mu     sync.Mutex
	spaces map[string]map[string][]byte // under mu
}

// Get implements [Store].
func (s *MemoryStore) Get(_ context.Context, space string, key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spaces[space][string(key)], nil
}

// List implements [Store]. It takes time in proportion to the whole space.
func (s *MemoryStore) List(_ context.Context, space string, after []byte, limit int) ([]Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.spaces[space] {
		if key > string(after) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	var items []Item
	for _, key := range keys[:min(limit, len(keys))] {
		items = append(items, Item{Key: []byte(key), Value: s.spaces[space][key]})
	}
	return items, nil
}

// Commit implements [Store].
func (s *MemoryStore) Commit(_ context.Context, changes []Put) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spaces == nil {
		s.spaces = map[string]map[string][]byte{}
	}
	for _, c := range changes {
		if s.spaces[c.Space] == nil {
			s.spaces[c.Space] = map[string][]byte{}
		}
		if c.Value == nil {
			delete(s.spaces[c.Space], string(c.Key))
			continue
		}
		s.spaces[c.Space][string(c.Key)] = bytes.Clone(c.Value)
	}
	return nil
}

// Snapshot returns a copy, as a process would find it after a crash now.
func (s *MemoryStore) Snapshot() *MemoryStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &MemoryStore{spaces: map[string]map[string][]byte{}}
	for space, values := range s.spaces {
		c.spaces[space] = map[string][]byte{}
		for key, value := range values {
			c.spaces[space][key] = slices.Clone(value)
		}
	}
	return c
}
