package publisher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The checkpoints log is a second log, with a leaf for each checkpoint that has new
// roots. It makes the sequence of map roots append-only, which a map alone is not.
// A leaf's value is warg's encoding of the checkpoint without its time, so that it
// is the same however often the checkpoint is published; its extra data is the
// signed checkpoint in JSON.

const (
	// checkpointsPage is how many leaves of the checkpoints log are read at a time.
	checkpointsPage = 100
	// loggedPoll is how often to look whether a Trillian elsewhere has sequenced
	// checkpoints. Nobody waits for them as one does for a record.
	loggedPoll = 100 * time.Millisecond
)

// checkpointsLog is the stage after publication that fills the checkpoints log. What
// was queued is read back and verified like the records log, and compared with the
// checkpoints of the database: another leaf there, or another order, is a fault.
type checkpointsLog struct {
	p *Publisher
	// queued is the log length of the newest checkpoint that this process has
	// queued. It only saves queueing it again; zero is always right.
	queued uint64
	// read says that this process has read all that the log had. Before that, what
	// is not verified yet is likely to be there, and is read rather than queued.
	read bool
}

// step queues what is published and not in the log yet, and verifies some of what
// is there.
func (c *checkpointsLog) step(ctx context.Context) (time.Duration, error) {
	verified, unlogged, err := c.load(ctx)
	if err != nil {
		return 0, err
	}
	mayQueue := c.read
	if mayQueue {
		if err := c.queue(ctx, unlogged); err != nil {
			c.queued = 0 // which of them the log has is not known
			return 0, err
		}
	}
	batch, err := readCheckpoints(ctx, c.p.options.Checkpoints, verified)
	if err != nil {
		return 0, err
	}
	c.read = !batch.More()
	if len(batch.Leaves) > 0 {
		if err := c.confirm(ctx, verified, unlogged, batch); err != nil {
			return 0, err
		}
	}
	switch {
	case !c.read || !mayQueue || len(batch.Leaves) == checkpointsPage:
		return 0, nil // there is more to read or to queue
	case len(batch.Leaves) < len(unlogged):
		return loggedPoll, nil
	}
	return idlePoll, nil
}

// load returns how much of the log is verified, and some checkpoints behind that.
func (c *checkpointsLog) load(ctx context.Context) (verified store.CheckpointsLog, unlogged []store.Checkpoint, err error) {
	err = c.p.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		if verified, err = tx.CheckpointsLog(); err != nil {
			return err
		}
		unlogged, err = tx.CheckpointsAfter(verified.LogLength, checkpointsPage)
		return err
	})
	return verified, unlogged, err
}

// queue queues checkpoints that this process has not queued before.
func (c *checkpointsLog) queue(ctx context.Context, checkpoints []store.Checkpoint) error {
	for _, checkpoint := range checkpoints {
		if lengthOf(checkpoint) <= c.queued {
			continue
		}
		leaf, err := checkpointLeaf(checkpoint.Signed)
		if err != nil {
			return err
		}
		// One after the other: they are to stand in the order of their lengths.
		if err := c.p.options.Checkpoints.Queue(ctx, []follow.Leaf{leaf}); err != nil {
			return err
		}
		c.queued = lengthOf(checkpoint)
	}
	if len(checkpoints) == 0 {
		return nil
	}
	return c.p.options.Checkpoints.Integrate(ctx)
}

// confirm compares leaves with the checkpoints that belong there, and notes them as
// verified.
func (c *checkpointsLog) confirm(ctx context.Context, verified store.CheckpointsLog, want []store.Checkpoint, batch follow.Batch) error {
	if len(batch.Leaves) > len(want) {
		// Another process may have published and queued them since.
		err := c.p.options.Store.View(ctx, func(tx *store.Tx) (err error) {
			want, err = tx.CheckpointsAfter(verified.LogLength, checkpointsPage)
			return err
		})
		if err != nil {
			return err
		}
	}
	for n, leaf := range batch.Leaves {
		if n >= len(want) || !bytes.Equal(leaf.Value, want[n].Signed.Contents.Checkpoint.Encode()) {
			return faultf("leaf %d of the checkpoints log is not the checkpoint that belongs there", leaf.Index)
		}
	}
	lengths := make([]uint64, len(batch.Leaves))
	for n := range lengths {
		lengths[n] = lengthOf(want[n])
	}
	now := verifiedWith(lengths[len(lengths)-1], batch.State)
	err := c.p.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.ReplaceCheckpointsLog(verified, now, lengths...) })
	if errors.Is(err, store.ErrSuperseded) {
		return nil // another process has noted that or more
	}
	return err
}

// readCheckpoints reads some leaves of the checkpoints log behind what is verified.
func readCheckpoints(ctx context.Context, log Log, verified store.CheckpointsLog) (follow.Batch, error) {
	known, err := follow.NewState(verified.Size, verified.Subtrees)
	if err != nil {
		return follow.Batch{}, faultf("the registry's database is damaged: what is known of the checkpoints log: %w", err)
	}
	batch, err := follow.Next(ctx, log, known, checkpointsPage)
	if err != nil {
		return follow.Batch{}, fmt.Errorf("the checkpoints log: %w", err)
	}
	return batch, nil
}

// verifiedWith is what is stored of a checkpoints log whose newest checkpoint has
// some length.
func verifiedWith(length uint64, state follow.State) store.CheckpointsLog {
	return store.CheckpointsLog{LogLength: length, Size: state.Size(), Subtrees: state.Subtrees()}
}

func checkpointLeaf(signed protocol.SignedCheckpoint) (follow.Leaf, error) {
	extra, err := json.Marshal(signed)
	if err != nil {
		return follow.Leaf{}, fmt.Errorf("encode checkpoint %d: %w", signed.Contents.LogLength, err)
	}
	return follow.Leaf{Value: signed.Contents.Checkpoint.Encode(), ExtraData: extra}, nil
}

// readCheckpointLeaf is the inverse of [checkpointLeaf]. The Merkle tree does not
// cover the extra data, so its roots must be those of the value; whether the
// signature is the operator's the caller has to find out.
func readCheckpointLeaf(leaf follow.Leaf) (protocol.SignedCheckpoint, error) {
	var signed protocol.SignedCheckpoint
	if err := json.Unmarshal(leaf.ExtraData, &signed); err != nil {
		return signed, faultf("leaf %d of the checkpoints log: its extra data: %w", leaf.Index, err)
	}
	if !bytes.Equal(signed.Contents.Checkpoint.Encode(), leaf.Value) {
		return signed, faultf("leaf %d of the checkpoints log: its extra data is another checkpoint, of %d records", leaf.Index, signed.Contents.LogLength)
	}
	return signed, nil
}
