package store

import "database/sql"

// PublishedPage returns up to limit records of a log from a position on that are
// published below a length of the records log, in order. It ends when the
// envelopes have maxBytes or more, after one record at least; full reports
// whether it did. The rows behind that are passed over one by one, and none of
// them is kept.
func (tx *Tx) PublishedPage(log int64, from, logLength uint64, limit, maxBytes int) (page []Record, full bool, err error) {
	size := 0
	err = tx.rows(`SELECT `+recordColumns+` FROM records r WHERE r.log = ? AND r.position >= ? AND r.registry_index < ? ORDER BY r.position LIMIT ?`,
		[]any{log, from, logLength, limit}, func(rows *sql.Rows) error {
			if full = len(page) > 0 && size >= maxBytes; full {
				return nil
			}
			var r Record
			if err := r.scan(rows); err != nil {
				return err
			}
			size += len(r.Envelope)
			page = append(page, r)
			return nil
		})
	return page, full, err
}
