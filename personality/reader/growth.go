package reader

import (
	"context"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Growth returns the contents of at most points+1 checkpoints, shortest first: the first,
// the newest, and of those between them some that divide the length of the log evenly. So
// its cost does not grow with the log. It is empty before the first checkpoint.
func (r *Reader) Growth(ctx context.Context, points int) ([]protocol.TimestampedCheckpoint, error) {
	return read(ctx, &r.database, func(tx *store.Tx) ([]protocol.TimestampedCheckpoint, error) {
		length, err := tx.NewestLength()
		if err != nil {
			return nil, err
		}
		step := (length + uint64(points) - 1) / uint64(points)
		var some []protocol.TimestampedCheckpoint
		for behind := uint64(0); behind < length; {
			next, err := tx.CheckpointsAfter(behind, 1)
			if err != nil || len(next) == 0 {
				return some, err
			}
			contents := next[0].Signed.Contents
			some = append(some, contents)
			behind = max(contents.LogLength, min(contents.LogLength+step, length)-1)
		}
		return some, nil
	})
}
