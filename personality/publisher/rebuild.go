package publisher

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Rebuild fills the store from Trillian alone: every record from the records
// log, with the checkpoints that the checkpoints log has, as they were signed.
// Records are validated and roots compared on the way, so it ends at the roots
// that were signed, or with an error. What was not sequenced when the store was
// lost cannot come back. It goes on where it was interrupted; progress is told
// how many records are done, of how many. No other process may use the store.
func (r *Publisher) Rebuild(ctx context.Context, progress func(done, total uint64)) error {
	b := &rebuilder{r: r, integrator: &integrator{r: r}, progress: progress}
	b.integrator.keep = b.keep
	if err := b.integrator.load(ctx); err != nil {
		return err
	}
	if err := b.withCheckpoints(ctx); err != nil {
		return err
	}
	return b.rest(ctx)
}

// rebuilder is a rebuild under way.
type rebuilder struct {
	r          *Publisher
	integrator *integrator
	progress   func(done, total uint64)
	kept       []keptLeaf // the integrator's tail, with what is to be stored
}

type keptLeaf struct {
	protocol.LogLeaf
	extra []byte
}

func (b *rebuilder) keep(leaf protocol.LogLeaf, extra []byte) {
	b.kept = append(b.kept, keptLeaf{leaf, extra})
}

// withCheckpoints goes from each checkpoint in the checkpoints log to the next.
func (b *rebuilder) withCheckpoints(ctx context.Context) error {
	root, err := b.r.Checkpoints.Root(ctx)
	if err != nil {
		return err
	}
	var logged uint64
	err = b.r.Store.View(ctx, func(tx *store.Tx) (err error) {
		_, logged, err = tx.Logged()
		return err
	})
	if err != nil {
		return err
	}
	for logged < root.Size {
		const page = 500
		leaves, err := b.r.Checkpoints.Leaves(ctx, logged, page)
		if err != nil {
			return err
		}
		if len(leaves) == 0 {
			return fmt.Errorf("Trillian has a checkpoints log of %d leaves and does not give leaf %d", root.Size, logged)
		}
		for _, leaf := range leaves {
			var signed protocol.SignedCheckpoint
			if err := json.Unmarshal(leaf.ExtraData, &signed); err != nil {
				return faultf("leaf %d of the checkpoints log: %w", leaf.Index, err)
			}
			logged++
			if err := b.to(ctx, signed, logged); err != nil {
				return fmt.Errorf("rebuild the checkpoint of %d records: %w", signed.Contents.LogLength, err)
			}
		}
	}
	return nil
}

// to rebuilds up to a checkpoint that was signed, which is the one that makes
// the checkpoints log logged leaves long.
func (b *rebuilder) to(ctx context.Context, want protocol.SignedCheckpoint, logged uint64) error {
	length := want.Contents.LogLength
	setLogged := func(tx *store.Tx) error { return tx.SetLogged(length, logged) }
	if length <= b.integrator.length() {
		return b.r.Store.Update(ctx, setLogged) // it was stored, and not noted that it is logged
	}
	for b.integrator.tree.End() < length {
		fresh, err := b.integrator.fetch(ctx, length)
		if err != nil {
			return err
		}
		if len(fresh) == 0 {
			return faultf("the records log ends before it, at %d", b.integrator.tree.End())
		}
	}
	return b.cover(ctx, func(got protocol.TimestampedCheckpoint) (protocol.SignedCheckpoint, error) {
		if got.Checkpoint != want.Contents.Checkpoint {
			return want, faultf("it was signed with log root %s and map root %s; the records log gives %s and %s",
				want.Contents.LogRoot, want.Contents.MapRoot, got.LogRoot, got.MapRoot)
		}
		return want, nil
	}, setLogged)
}

// rest goes on to the end of the records log with checkpoints of its own.
func (b *rebuilder) rest(ctx context.Context) error {
	for {
		fresh, err := b.integrator.fetch(ctx, math.MaxUint64)
		if err != nil || len(fresh) == 0 {
			return err
		}
		sign := func(c protocol.TimestampedCheckpoint) (protocol.SignedCheckpoint, error) { return b.r.sign(c), nil }
		if err := b.cover(ctx, sign, b.r.Restorer.CheckOperatorKey); err != nil {
			return err
		}
	}
}

// cover stores the records read so far with the checkpoint that covers them.
func (b *rebuilder) cover(ctx context.Context, sign func(protocol.TimestampedCheckpoint) (protocol.SignedCheckpoint, error), also func(*store.Tx) error) error {
	_, err := b.integrator.cover(ctx, sign, func(tx *store.Tx) error {
		for n, leaf := range b.kept {
			if err := b.restore(tx, leaf); err != nil {
				return faultf("leaf %d of the records log, record %s of log %s: %w", b.integrator.length()+uint64(n), leaf.RecordID, leaf.LogID, err)
			}
		}
		return also(tx)
	})
	if err != nil {
		return err
	}
	b.kept = nil
	root, err := b.r.Records.Root(ctx)
	if err == nil {
		b.progress(b.integrator.length(), root.Size)
	}
	return err
}

// restore stores the record of a leaf as accepted, unless it is here.
func (b *rebuilder) restore(tx *store.Tx, leaf keptLeaf) error {
	name, envelope, err := readExtra(leaf.extra)
	if err != nil {
		return err
	}
	return b.r.Restorer.Restore(tx, leaf.LogLeaf, name, envelope)
}
