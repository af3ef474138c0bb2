package protocol

import (
	"iter"
	"slices"
)

// ordered is a map that keeps the order in which its keys were first set, and
// that can go back to where it stood at the last begin. Values are replaced as a
// whole, never changed in place. The zero value is empty.
type ordered[K comparable, V any] struct {
	keys   []K
	values []V
	// index has the position of each key. It is nil in small maps, where a
	// search is quicker than making it.
	index map[K]int

	mark    int         // length at begin
	changed []change[V] // values below mark that were replaced since
}

type change[V any] struct {
	at  int
	old V
}

const indexedFrom = 16

func (m *ordered[K, V]) len() int { return len(m.keys) }

func (m *ordered[K, V]) find(key K) int {
	if m.index == nil {
		return slices.Index(m.keys, key)
	}
	if i, ok := m.index[key]; ok {
		return i
	}
	return -1
}

func (m *ordered[K, V]) get(key K) (value V, ok bool) {
	if i := m.find(key); i >= 0 {
		return m.values[i], true
	}
	return value, false
}

// set replaces the value of key, or adds it at the end.
func (m *ordered[K, V]) set(key K, value V) {
	if i := m.find(key); i >= 0 {
		if i < m.mark {
			m.changed = append(m.changed, change[V]{i, m.values[i]})
		}
		m.values[i] = value
		return
	}
	m.keys = append(m.keys, key)
	m.values = append(m.values, value)
	switch {
	case m.index != nil:
		m.index[key] = len(m.keys) - 1
	case len(m.keys) == indexedFrom:
		m.index = make(map[K]int, 2*indexedFrom)
		for i, k := range m.keys {
			m.index[k] = i
		}
	}
}

// grow makes room for n keys in an empty map.
func (m *ordered[K, V]) grow(n int) {
	m.keys, m.values = make([]K, 0, n), make([]V, 0, n)
	if n >= indexedFrom {
		m.index = make(map[K]int, n)
	}
}

func (m *ordered[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i, k := range m.keys {
			if !yield(k, m.values[i]) {
				return
			}
		}
	}
}

// begin makes this the state that rollback returns to.
func (m *ordered[K, V]) begin() {
	m.mark = len(m.keys)
	clear(m.changed)
	m.changed = m.changed[:0]
}

// rollback undoes all that was set since begin. Its cost is that of the changes.
func (m *ordered[K, V]) rollback() {
	for _, c := range slices.Backward(m.changed) {
		m.values[c.at] = c.old
	}
	if m.index != nil {
		for _, k := range m.keys[m.mark:] {
			delete(m.index, k)
		}
	}
	m.keys = slices.Delete(m.keys, m.mark, len(m.keys))
	m.values = slices.Delete(m.values, m.mark, len(m.values))
	m.begin()
}
