package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// HashMap is a JSON object with hashes as member names, in the order of the
// text. When read, a name that comes twice keeps its first place and its last
// value, as in the reference.
type HashMap[V any] []HashEntry[V]

// HashEntry is one member of a [HashMap].
type HashEntry[V any] struct {
	Hash  protocol.AnyHash
	Value V
}

func hashMapOf[V any](read func(serde.Value) (V, error)) func(serde.Value) (HashMap[V], error) {
	return func(v serde.Value) (HashMap[V], error) {
		entries := HashMap[V]{}
		places := map[string]int{}
		err := v.Object(func(name string, v serde.Value) error {
			hash, err := protocol.ParseAnyHash(name)
			if err != nil {
				return err
			}
			val, err := read(v)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if place, ok := places[name]; ok {
				entries[place].Value = val
				return nil
			}
			places[name] = len(entries)
			entries = append(entries, HashEntry[V]{hash, val})
			return nil
		})
		return entries, err
	}
}
