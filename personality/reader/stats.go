package reader

import (
	"context"
	"errors"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Stats is where the registry stands, whichever process works on it.
type Stats struct {
	Queue store.QueueStats
	// Checkpoint is the newest one; zero before the first.
	Checkpoint protocol.TimestampedCheckpoint
}

// statsTime bounds how long the database may take: more than for a read of
// a client, as the cost grows with the queue.
const statsTime = 5 * time.Second

// Stats reads where the registry stands from the database, in one snapshot. Its
// cost grows with the queue only.
func (r *Reader) Stats(ctx context.Context) (Stats, error) {
	return await(ctx, &r.database, statsTime, func(ctx context.Context) (Stats, error) {
		var s Stats
		err := r.database.store.View(ctx, func(tx *store.Tx) (err error) {
			s, err = stats(tx)
			return err
		})
		return s, err
	})
}

func stats(tx *store.Tx) (s Stats, err error) {
	if s.Queue, err = tx.QueueStats(); err != nil {
		return s, err
	}
	latest, err := tx.LatestCheckpoint()
	if errors.Is(err, store.ErrNotFound) {
		return s, nil
	}
	s.Checkpoint = latest.Signed.Contents
	return s, err
}
