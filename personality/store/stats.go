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
	// Waiting counts the records that wait beside their logs, for content or for
	// one that does.
	Waiting WaitingTotal
}

// QueueStats counts the queue. Its cost grows with the number of logs that have
// something to publish and of records that wait, not with what is
// published.
func (tx *Tx) QueueStats() (QueueStats, error) {
	var s QueueStats
	// Of each log with something to publish, the first such record is ready.
	err := tx.row(`SELECT COALESCE(SUM(l.length - h.position), 0) FROM ready q JOIN records h ON h.id = q.record JOIN logs l ON l.id = h.log`, nil, &s.Complete)
	if err != nil {
		return s, err
	}
	if s.Waiting, err = tx.WaitingTotal(); err != nil {
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
