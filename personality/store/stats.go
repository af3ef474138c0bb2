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

// QueueStats counts the queue. Its cost grows with the number of logs that have
// something to publish and of records that wait for content, not with what is
// published.
func (tx *Tx) QueueStats() (QueueStats, error) {
	var s QueueStats
	// Of each log with something to publish, the first such record is ready. From
	// there on its records are complete, or wait for content.
	err := tx.row(`SELECT COALESCE(SUM(l.length - h.position), 0) FROM ready q JOIN records h ON h.id = q.record JOIN logs l ON l.id = h.log`, nil, &s.Complete)
	if err != nil {
		return s, err
	}
	var between uint64
	err = tx.row(`SELECT COUNT(*) FROM records WHERE id IN (SELECT record FROM missing_content)
		AND log IN (SELECT h.log FROM ready q JOIN records h ON h.id = q.record)`, nil, &between)
	if err != nil {
		return s, err
	}
	s.Complete -= between
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
