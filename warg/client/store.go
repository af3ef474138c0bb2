package client

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// Store remembers what a client has verified of one registry: small values by
// name. The names are "checkpoint", "operator" and "package/<namespace>/<name>",
// of lower-case letters, digits, hyphens and slashes. What is in the values is
// the client's; a store only keeps them from others who could change them, for
// they are believed.
//
// A Store is used by several goroutines at a time, and may be shared by several
// clients and processes if its Replace says so.
type Store interface {
	// Read returns a value, nil if there is none. The caller does not change it.
	Read(ctx context.Context, name string) ([]byte, error)
	// Replace sets a value if it still is old (nil: if there is none), in one
	// step, and otherwise changes nothing and returns ErrChanged. The value is
	// not changed afterwards.
	Replace(ctx context.Context, name string, old, value []byte) error
}

// ErrChanged is for [Store] implementations: the value is another one by now.
var ErrChanged = errors.New("the value has changed meanwhile")

// MemoryStore is a [Store] in memory. The zero value is empty. It may be shared
// by several clients of one registry.
type MemoryStore struct {
	mu     sync.Mutex
	values map[string][]byte // under mu
}

// Read implements [Store].
func (s *MemoryStore) Read(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name], nil
}

// Replace implements [Store].
func (s *MemoryStore) Replace(_ context.Context, name string, old, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stands, there := s.values[name]
	if there != (old != nil) || !bytes.Equal(stands, old) {
		return ErrChanged
	}
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[name] = value
	return nil
}
