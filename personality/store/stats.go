package store

import (
	"errors"
	"time"
)

// QueueStats says what is accepted and not published yet.
type QueueStats struct {
	// Complete counts the complete records of the logs of which a record can be
	// published next.
	Complete uint64
	// Oldest is when the oldest of these was accepted, in whole seconds; zero if
	// there is none.
	Oldest time.Time
	// Incomplete counts the records that wait for content.
	Incomplete uint64
}

// QueueStats counts the queue. Its cost grows with the queue, not with what is
// published: everything is found from the small tables of what is ready and of
// what is missing.
func (tx *Tx) QueueStats() (QueueStats, error) {
	var s QueueStats
	// Of each log with something to publish, the first such record is ready.
	err := tx.row(`SELECT COUNT(*) FROM ready q JOIN records h ON h.id = q.record
		JOIN records r ON r.log = h.log AND r.position >= h.position WHERE r.state = ?`, []any{Processing}, &s.Complete)
	if err != nil {
		return s, err
	}
	if err := tx.row(`SELECT COUNT(DISTINCT record) FROM missing_content`, nil, &s.Incomplete); err != nil {
		return s, err
	}
	// Keys ascend in the order of acceptance, within each log too.
	var oldest int64
	err = tx.row(`SELECT r.accepted_at FROM ready q JOIN records r ON r.id = q.record ORDER BY q.record LIMIT 1`, nil, &oldest)
	if errors.Is(err, ErrNotFound) {
		return s, nil
	}
	s.Oldest = time.Unix(oldest, 0)
	return s, err
}
