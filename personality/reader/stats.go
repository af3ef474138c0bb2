package reader

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Stats is where the registry stands, whichever process works on it.
type Stats struct {
	Queue store.QueueStats
	// Checkpoint is the newest one; zero before the first.
	Checkpoint protocol.TimestampedCheckpoint
}

// Stats reads where the registry stands from the database, in one snapshot. Its
// cost grows with the queue only.
func (r *Reader) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		var err error
		if s.Queue, err = tx.QueueStats(); err != nil {
			return err
		}
		latest, err := tx.LatestCheckpoint()
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		s.Checkpoint = latest.Signed.Contents
		return err
	})
	return s, err
}
