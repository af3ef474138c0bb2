package store

import (
	"database/sql"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// firstPage is how many records are read at once before it is known how large
// they are: few enough that the largest ones are no burden.
const firstPage = 16

// PublishedPage returns up to limit records of a log from a position on that are
// published below a length of the records log, in order. It ends when the
// envelopes have maxBytes or more, after one record at least; full reports
// whether it did. Records behind that are not read.
func (tx *Tx) PublishedPage(log int64, from, logLength uint64, limit, maxBytes int) (page []Record, full bool, err error) {
	size := 0
	page, err = tx.publishedRecords(log, from, logLength, min(limit, firstPage))
	if err != nil {
		return nil, false, err
	}
	for i, r := range page {
		if i > 0 && size >= maxBytes {
			return page[:i], true, nil
		}
		size += len(r.Envelope)
	}
	if len(page) < firstPage || len(page) == limit {
		return page, false, nil
	}
	from = *page[len(page)-1].Position + 1
	fit, full, err := tx.fit(log, from, logLength, limit-len(page), maxBytes-size)
	if err != nil || fit == 0 {
		return page, full, err
	}
	rest, err := tx.publishedRecords(log, from, logLength, fit)
	return append(page, rest...), full, err
}

// FirstPage is [Tx.PublishedPage] from the beginning of a log that is named by its id,
// in one statement. all is false if there may be more: then PublishedPage says so.
func (tx *Tx) FirstPage(logID protocol.Hash, logLength uint64) (page []Record, all bool, err error) {
	page, err = tx.records(`JOIN logs l ON l.id = r.log WHERE l.log_id = ? AND r.registry_index < ? ORDER BY r.position`+tx.dialect.limit,
		logID[:], logLength, firstPage)
	return page, len(page) < firstPage, err
}

func (tx *Tx) publishedRecords(log int64, from, logLength uint64, limit int) ([]Record, error) {
	return tx.records(`WHERE r.log = ? AND r.position >= ? AND r.registry_index < ? ORDER BY r.position`+tx.dialect.limit, log, from, logLength, limit)
}

// PublishedSize returns how many records of a log, up to a position, are published below
// a length of the records log, and how many bytes their envelopes have.
func (tx *Tx) PublishedSize(log int64, last, logLength uint64) (count, bytes int, err error) {
	err = tx.row(`SELECT COUNT(*), COALESCE(SUM(LENGTH(envelope)), 0) FROM records WHERE log = ? AND position <= ? AND registry_index < ?`,
		[]any{log, last, logLength}, &count, &bytes)
	return count, bytes, err
}

// fit counts the next records of a log, up to limit, until their envelopes have
// maxBytes or more; full reports whether they do while there are more records.
func (tx *Tx) fit(log int64, from, logLength uint64, limit, maxBytes int) (n int, full bool, err error) {
	size := 0
	err = tx.rows(`SELECT LENGTH(r.envelope) FROM records r WHERE r.log = ? AND r.position >= ? AND r.registry_index < ? ORDER BY r.position`+tx.dialect.limit,
		[]any{log, from, logLength, limit}, func(rows *sql.Rows) error {
			if full = full || size >= maxBytes; full {
				return nil
			}
			var bytes int
			if err := rows.Scan(&bytes); err != nil {
				return err
			}
			n++
			size += bytes
			return nil
		})
	return n, full, err
}

// LeavesAt returns the leaves at indices of the records log, which are in
// ascending order, each once. Those where nothing is published are left out.
func (tx *Tx) LeavesAt(indices []uint64) ([]Leaf, error) {
	leaves := make([]Leaf, 0, len(indices))
	err := batches(tx, indices, func(batch []uint64) error {
		return tx.rows(`SELECT r.registry_index, l.log_id, r.record_id, r.log, r.position FROM records r JOIN logs l ON l.id = r.log
			WHERE r.registry_index IN (`+repeat(len(batch), `?`, `, `)+`) ORDER BY r.registry_index`, anys(batch), func(rows *sql.Rows) error {
			var l Leaf
			err := rows.Scan(&l.RegistryIndex, scanHash(&l.LogID), scanHash(&l.RecordID), &l.Log, &l.Position)
			leaves = append(leaves, l)
			return err
		})
	})
	return leaves, err
}
