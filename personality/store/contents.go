package store

import (
	"database/sql"
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

// ReleasedBy returns the names of the packages that release a content.
func (tx *Tx) ReleasedBy(digest protocol.Hash) (names []string, err error) {
	err = tx.rows(`SELECT DISTINCT l.name FROM releases r JOIN logs l ON l.id = r.log WHERE r.content = ?`, []any{digest.String()}, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}
