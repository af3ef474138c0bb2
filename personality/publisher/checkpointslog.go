package publisher

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The checkpoints log is a second Trillian log, with a leaf for each checkpoint
// that has new roots. It makes the sequence of map roots append-only, which a
// map alone is not. A leaf's value is warg's encoding of the checkpoint without
// its time, so that it is the same however often it is signed; its extra data is
// the signed checkpoint in JSON.

// loggedPoll is how often to look whether a Trillian elsewhere has sequenced
// checkpoints. Nobody waits for them as one does for a record.
const loggedPoll = 100 * time.Millisecond

// checkpointsLogger fills the checkpoints log. It belongs to one goroutine of
// [Publisher.Run].
type checkpointsLogger struct {
	*Publisher
	// queued is the log length of the newest checkpoint that was handed to
	// Trillian. It only saves handing it over again; zero is always right.
	queued uint64
}

// step puts some checkpoints into the checkpoints log, in order, and returns 0 if
// there may be more.
func (c *checkpointsLogger) step(ctx context.Context) (time.Duration, error) {
	const batch = 100
	var size uint64
	var checkpoints []store.Checkpoint
	err := c.publishing.View(ctx, func(tx *store.Tx) error {
		length, have, err := tx.Logged()
		if err != nil {
			return err
		}
		size = have
		checkpoints, err = tx.CheckpointsAfter(length, batch)
		return err
	})
	if err != nil || len(checkpoints) == 0 {
		return idlePoll, err
	}
	leaves, err := c.queue(ctx, checkpoints)
	if err != nil {
		c.queued = 0
		return 0, err
	}
	logged, err := c.checkLogged(ctx, size, leaves)
	if err != nil || logged == 0 {
		return loggedPoll, err
	}
	last := checkpoints[logged-1].Signed.Contents.LogLength
	err = c.publishing.Update(ctx, func(tx *store.Tx) error { return tx.SetLogged(last, size+uint64(logged)) })
	return 0, err
}

// queue hands checkpoints to Trillian that it was not handed before, and returns
// the leaves of all.
func (c *checkpointsLogger) queue(ctx context.Context, checkpoints []store.Checkpoint) ([]trilliansvc.Leaf, error) {
	leaves := make([]trilliansvc.Leaf, len(checkpoints))
	for i, checkpoint := range checkpoints {
		var err error
		if leaves[i], err = checkpointLeaf(checkpoint.Signed); err != nil {
			return nil, err
		}
		length := checkpoint.Signed.Contents.LogLength
		if length <= c.queued {
			continue
		}
		// One after the other: they are to stand in the order of their lengths.
		if err := c.Checkpoints.Queue(ctx, leaves[i:i+1]); err != nil {
			return nil, err
		}
		c.queued = length
	}
	return leaves, c.Checkpoints.Advance(ctx)
}

// checkLogged reads back how many of the leaves are sequenced, and checks that
// they stand where they should.
func (c *checkpointsLogger) checkLogged(ctx context.Context, size uint64, want []trilliansvc.Leaf) (int, error) {
	root, err := c.Checkpoints.Root(ctx)
	if err != nil || root.Size <= size {
		return 0, err
	}
	got, err := c.Checkpoints.Leaves(ctx, size, int(min(root.Size-size, uint64(len(want)))))
	if err != nil {
		return 0, err
	}
	for i, leaf := range got {
		if !bytes.Equal(leaf.Value, want[i].Value) {
			return 0, faultf("leaf %d of the checkpoints log is not the checkpoint that belongs there", leaf.Index)
		}
	}
	return len(got), nil
}

func checkpointLeaf(signed protocol.SignedCheckpoint) (trilliansvc.Leaf, error) {
	value := signed.Contents.Checkpoint.Encode()
	extra, err := json.Marshal(signed)
	if err != nil {
		return trilliansvc.Leaf{}, fmt.Errorf("encode checkpoint %d: %w", signed.Contents.LogLength, err)
	}
	return trilliansvc.Leaf{Value: value, ExtraData: extra, IdentityHash: protocol.HashOf(value)}, nil
}
