package store

import (
	"database/sql"
	"math"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Envelopes returns the package names and the envelopes of up to count leaves of the
// records log from one on, in order. It ends when the envelopes have maxBytes or more,
// after one at least; what is behind that is not read.
func (tx *Tx) Envelopes(start uint64, count, maxBytes int) ([]tlog.NamedEnvelope, error) {
	if start > math.MaxInt64 { // more than a column holds
		return nil, nil
	}
	end := min(start+uint64(count), math.MaxInt64)
	fit, size := uint64(0), 0
	err := tx.rows(`SELECT LENGTH(envelope) FROM records WHERE registry_index >= ? AND registry_index < ? ORDER BY registry_index`, []any{start, end}, func(rows *sql.Rows) error {
		var bytes int
		err := rows.Scan(&bytes)
		if size < maxBytes {
			fit++
		}
		size += bytes
		return err
	})
	if err != nil || fit == 0 {
		return nil, err
	}
	all := make([]tlog.NamedEnvelope, 0, fit)
	err = tx.rows(`SELECT l.name, r.envelope FROM records r JOIN logs l ON l.id = r.log
		WHERE r.registry_index >= ? AND r.registry_index < ? ORDER BY r.registry_index`, []any{start, start + fit}, func(rows *sql.Rows) error {
		var e tlog.NamedEnvelope
		err := rows.Scan(&e.Name, &e.Envelope)
		all = append(all, e)
		return err
	})
	return all, err
}
