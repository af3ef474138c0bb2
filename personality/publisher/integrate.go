package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxUnpublished bounds how many leaves one checkpoint adds, and so the memory that
// integration takes.
const maxUnpublished = 4096

// integrator reads back what the records log has sequenced and makes checkpoints of
// it. It belongs to one goroutine. What it remembers is in the database or in the
// log: after a failure it is loaded again.
type integrator struct {
	p           *Publisher
	base        store.Checkpoint   // the newest checkpoint; zero before the first
	published   time.Time          // when this process published it, by its clock; zero if it did not
	unpublished []protocol.LogLeaf // the leaves behind it that were read and verified
	known       follow.State       // the records log up to the last of them
	source      follow.Root        // the log's newest root when last asked
	permitted   []protocol.KeyID   // who may sign checkpoints, as of base; see [Publisher.sign]
}

// loadIntegrator begins at the newest checkpoint in the database.
func loadIntegrator(ctx context.Context, p *Publisher) (*integrator, error) {
	var base store.Checkpoint
	var length uint64
	var operator *protocol.OperatorLog
	err := p.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		if length, err = tx.NewestLength(); err != nil {
			return err
		}
		base, err = tx.LatestCheckpoint()
		if errors.Is(err, store.ErrNotFound) {
			base, err = store.Checkpoint{}, nil
		}
		if err != nil {
			return err
		}
		operator, err = p.options.Restorer.OperatorLog(tx, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	if length != lengthOf(base) {
		return nil, faultf("the registry's database is damaged: its newest checkpoint has length %d, and should have %d; run rebuild on an empty database", lengthOf(base), length)
	}
	i := &integrator{p: p, permitted: operator.CheckpointSigners()}
	return i, i.beginAt(base)
}

// beginAt goes on from a checkpoint, of which nothing is read yet.
func (i *integrator) beginAt(base store.Checkpoint) error {
	known, err := follow.NewState(lengthOf(base), base.Roots)
	if err != nil {
		return faultf("the registry's database is damaged: the newest checkpoint's subtrees: %w", err)
	}
	if got := known.Root(); lengthOf(base) > 0 && got != rootOf(base) {
		return faultf("the registry's database is damaged: the subtrees of the newest checkpoint give the log root %s, it says %s", got.Hash, base.Signed.Contents.LogRoot)
	}
	i.base, i.unpublished, i.known = base, nil, known
	return nil
}

// sequencedLeaf is a leaf of the records log as it was read back.
type sequencedLeaf struct {
	protocol.LogLeaf
	extra []byte // see [readExtra]
}

// read reads leaves behind those that are known, up to a length of the log, and
// verifies them.
func (i *integrator) read(ctx context.Context, upTo uint64) ([]sequencedLeaf, error) {
	limit := min(upTo-i.known.Size(), uint64(maxUnpublished-len(i.unpublished)))
	batch, err := follow.Next(ctx, i.p.options.Records, i.known, int(limit))
	if err != nil {
		return nil, fmt.Errorf("the records log: %w", err)
	}
	fresh := make([]sequencedLeaf, len(batch.Leaves))
	for n, l := range batch.Leaves {
		leaf, err := protocol.ParseLogLeaf(l.Value)
		if err != nil {
			return nil, faultf("leaf %d of the records log is not a record of a warg registry: %w", l.Index, err)
		}
		fresh[n] = sequencedLeaf{leaf, l.ExtraData}
	}
	for _, leaf := range fresh {
		i.unpublished = append(i.unpublished, leaf.LogLeaf)
	}
	i.known, i.source = batch.State, batch.Source
	return fresh, nil
}

// more tells whether the log had more leaves that could be read now.
func (i *integrator) more() bool {
	return i.known.Size() < i.source.Size && len(i.unpublished) < maxUnpublished
}

// plan plans the checkpoint of all leaves that were read, after the log has proved
// that it continues the one before.
func (i *integrator) plan(ctx context.Context) (plan, error) {
	if err := follow.Consistent(ctx, i.p.options.Records, rootOf(i.base), i.known.Root()); err != nil {
		return plan{}, fmt.Errorf("the records log: %w", err)
	}
	return newPlan(ctx, i.p.options.Index, i.p.options.Store, i.base, i.unpublished, i.known)
}

// publish makes the checkpoint of all leaves that were read, and returns these.
// [store.ErrSuperseded] if another process was faster. On any error nothing is
// stored as far as this process knows, and the integrator is to be loaded again.
func (i *integrator) publish(ctx context.Context) ([]protocol.LogLeaf, error) {
	start := time.Now()
	next, err := i.plan(ctx)
	if err != nil {
		return nil, err
	}
	permitted, err := i.signersOf(ctx, next)
	if err != nil {
		return nil, err
	}
	signed, err := i.p.sign(protocol.TimestampedCheckpoint{
		Checkpoint: next.checkpoint,
		Timestamp:  i.p.timestamp(i.base.Signed.Contents.Timestamp),
	}, permitted)
	if err != nil {
		return nil, err
	}
	var made store.Checkpoint
	err = i.p.options.Store.Update(ctx, func(tx *store.Tx) (err error) {
		made, err = next.commit(tx, signed)
		return err
	})
	if err != nil {
		return nil, err
	}
	i.published, i.permitted = i.p.options.Now(), permitted
	i.p.options.Observer.Integrated(len(next.leaves), len(next.tiles), time.Since(start))
	return next.leaves, i.beginAt(made)
}
