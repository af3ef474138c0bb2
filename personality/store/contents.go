package store

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ContentReleased reports whether an accepted record releases a content.
func (tx *Tx) ContentReleased(digest protocol.Hash) (bool, error) {
	var one int
	err := tx.row(`SELECT 1 FROM releases WHERE content = ? LIMIT 1`, []any{digest.String()}, &one)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
