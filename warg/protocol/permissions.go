package protocol

import (
	"iter"
	"slices"
)

// Permissions returns the keys that hold or held permissions, by id, with what
// each holds now, in the order in which the log came to know them.
func (k *keyring[P]) Permissions() iter.Seq2[KeyID, []P] {
	return func(yield func(KeyID, []P) bool) {
		for id, held := range k.permissions.all() {
			if !yield(id, slices.Clone(held.list())) {
				return
			}
		}
	}
}
