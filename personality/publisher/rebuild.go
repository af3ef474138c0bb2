package publisher

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Restorer knows how records are stored. For [Restorer.Restore] it is told only of leaves
// whose package name is that of their log.
type Restorer interface {
	// Restore stores the record of a leaf of the records log as accepted, unless it
	// is there. It refuses an envelope that is not that of the record, or not valid
	// behind the records restored before.
	Restore(tx *store.Tx, leaf protocol.LogLeaf, name string, envelope []byte) error
	// OperatorLog returns the operator log after its published records, and those of
	// the given leaves: as of the checkpoint that follows the newest with these leaves.
	OperatorLog(tx *store.Tx, next []protocol.LogLeaf) (*protocol.OperatorLog, error)
}

// Rebuild fills the database from the logs alone: every record from the records
// log, with the checkpoints that the checkpoints log has, as they were signed. Both
// logs are verified, records are validated and roots compared on the way, so it ends
// at the roots that were signed, or with an error. What was not sequenced when the
// database was lost cannot come back. It goes on where it was interrupted; progress
// is told how many records are done, of how many. No other process may use the
// database.
func (p *Publisher) Rebuild(ctx context.Context, progress func(done, total uint64)) error {
	i, err := loadIntegrator(ctx, p)
	if err != nil {
		return err
	}
	r := &rebuild{p: p, integrator: i, progress: progress}
	if err := r.loggedCheckpoints(ctx); err != nil {
		return err
	}
	return r.rest(ctx)
}

// rebuild is a rebuild under way.
type rebuild struct {
	p          *Publisher
	integrator *integrator
	unrestored []sequencedLeaf      // the integrator's unpublished leaves, with their extra data
	logged     store.CheckpointsLog // as stored
	progress   func(done, total uint64)
}

// loggedCheckpoints goes from each checkpoint in the checkpoints log to the next.
func (r *rebuild) loggedCheckpoints(ctx context.Context) error {
	err := r.p.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		r.logged, err = tx.CheckpointsLog()
		return err
	})
	for more := true; more && err == nil; {
		var batch follow.Batch
		if batch, err = readCheckpoints(ctx, r.p.options.Checkpoints, r.logged); err == nil {
			more, err = batch.More(), r.loggedBatch(ctx, batch.Leaves)
		}
	}
	return err
}

func (r *rebuild) loggedBatch(ctx context.Context, leaves []follow.Leaf) error {
	state, err := follow.NewState(r.logged.Size, r.logged.Subtrees)
	for _, leaf := range leaves {
		if err != nil {
			return err
		}
		state = state.Append(leaf.Value)
		err = r.to(ctx, leaf, state)
	}
	return err
}

// to rebuilds up to the checkpoint of a leaf of the checkpoints log, which is in the
// given state with it.
func (r *rebuild) to(ctx context.Context, leaf follow.Leaf, state follow.State) error {
	want, err := readCheckpointLeaf(leaf)
	if err != nil {
		return err
	}
	length := want.Contents.LogLength
	logged := verifiedWith(length, state)
	step := r.publishLogged
	if length <= lengthOf(r.integrator.base) {
		step = r.noteLogged // it was stored, and not noted that it is in the log
	}
	if err := step(ctx, want, logged); err != nil {
		return fmt.Errorf("rebuild the checkpoint of %d records: %w", length, err)
	}
	r.logged = logged
	return nil
}

// noteLogged notes that a checkpoint of the database is in the checkpoints log.
func (r *rebuild) noteLogged(ctx context.Context, want protocol.SignedCheckpoint, logged store.CheckpointsLog) error {
	return r.p.options.Store.Update(ctx, func(tx *store.Tx) error {
		stored, err := tx.Checkpoint(want.Contents.LogLength)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return faultf("the checkpoints log has it, and the registry's database has not")
		case err != nil:
			return err
		case stored.Signed.Contents.Checkpoint != want.Contents.Checkpoint:
			return faultf("the checkpoints log has other roots than the registry's database")
		}
		return tx.ReplaceCheckpointsLog(r.logged, logged, logged.LogLength)
	})
}

// publishLogged publishes the records up to a checkpoint that was signed, with that.
func (r *rebuild) publishLogged(ctx context.Context, want protocol.SignedCheckpoint, logged store.CheckpointsLog) error {
	for r.integrator.known.Size() < want.Contents.LogLength {
		fresh, err := r.read(ctx, want.Contents.LogLength)
		if err != nil {
			return err
		}
		if fresh == 0 {
			return faultf("the records log ends before it, at %d", r.integrator.known.Size())
		}
	}
	next, err := r.integrator.plan(ctx)
	if err != nil {
		return err
	}
	if got := next.checkpoint; got != want.Contents.Checkpoint {
		return faultf("it was signed with log root %s and map root %s; the records log gives %s and %s",
			want.Contents.LogRoot, want.Contents.MapRoot, got.LogRoot, got.MapRoot)
	}
	return r.publish(ctx, next, func(tx *store.Tx) (protocol.SignedCheckpoint, error) {
		if err := r.checkSignature(tx, next, want); err != nil {
			return want, err
		}
		return want, tx.ReplaceCheckpointsLog(r.logged, logged, logged.LogLength)
	})
}

// checkSignature refuses a signed checkpoint of the checkpoints log that is not
// signed as it says: the Merkle tree covers the roots alone.
func (r *rebuild) checkSignature(tx *store.Tx, next plan, signed protocol.SignedCheckpoint) error {
	err := signedByOperator(tx, r.p.options.Restorer, next.leaves, signed)
	if untrue, ok := errors.AsType[*UntrueError](err); ok {
		return faultf("the checkpoints log has it with a wrong signature or time: %w", untrue.Err)
	}
	return err
}

// rest goes on to the end of the records log with checkpoints of its own.
func (r *rebuild) rest(ctx context.Context) error {
	for {
		fresh, err := r.read(ctx, math.MaxUint64)
		if err != nil || fresh == 0 {
			return err
		}
		next, err := r.integrator.plan(ctx)
		if err != nil {
			return err
		}
		contents := protocol.TimestampedCheckpoint{
			Checkpoint: next.checkpoint,
			Timestamp:  r.p.timestamp(next.base.Signed.Contents.Timestamp),
		}
		if err := r.publish(ctx, next, func(tx *store.Tx) (signed protocol.SignedCheckpoint, err error) {
			log, err := r.p.options.Restorer.OperatorLog(tx, next.leaves)
			if err != nil {
				return signed, err
			}
			return r.p.sign(contents, log.CheckpointSigners())
		}); err != nil {
			return err
		}
	}
}

// read reads more of the records log, and returns how many leaves.
func (r *rebuild) read(ctx context.Context, upTo uint64) (int, error) {
	fresh, err := r.integrator.read(ctx, upTo)
	r.unrestored = append(r.unrestored, fresh...)
	return len(fresh), err
}

// publish restores the records of a plan, has it signed, and commits it, in one
// transaction.
func (r *rebuild) publish(ctx context.Context, next plan, sign func(*store.Tx) (protocol.SignedCheckpoint, error)) error {
	var made store.Checkpoint
	err := r.p.options.Store.Update(ctx, func(tx *store.Tx) (err error) {
		for n, leaf := range r.unrestored {
			if err := r.restore(tx, leaf); err != nil {
				return faultf("leaf %d of the records log, record %s of log %s: %w", lengthOf(next.base)+uint64(n), leaf.RecordID, leaf.LogID, err)
			}
		}
		signed, err := sign(tx)
		if err != nil {
			return err
		}
		made, err = next.commit(tx, signed)
		return err
	})
	if err != nil {
		return err
	}
	r.unrestored = nil
	r.progress(lengthOf(made), r.integrator.source.Size)
	return r.integrator.beginAt(made)
}

// restore stores the record of a leaf as accepted, unless it is there.
func (r *rebuild) restore(tx *store.Tx, leaf sequencedLeaf) error {
	name, envelope, err := readExtra(leaf.LogLeaf, leaf.extra)
	if err != nil {
		return err
	}
	return r.p.options.Restorer.Restore(tx, leaf.LogLeaf, name, envelope)
}
