package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Follow takes over the records up to a checkpoint of the upstream, and publishes it.
// progress is told how many records are staged, of how many. The signature of the
// checkpoint was verified before by what is known of the operator log, so that nothing is
// staged for a stranger; it is verified again as of the checkpoint.
//
// Errors: [*UntrueError]; others say nothing about the upstream, and Follow can be called
// again. Nothing of a checkpoint is visible before all of it is.
func (m *Mirror) Follow(ctx context.Context, target protocol.SignedCheckpoint, source MirrorSource, progress func(done, total uint64)) error {
	err := m.follow(ctx, target, source, progress)
	if _, ok := errors.AsType[*UntrueError](err); err != nil && !ok {
		if loaded := m.load(context.WithoutCancel(ctx)); loaded != nil {
			return errors.Join(err, loaded)
		}
	}
	if errors.Is(err, store.ErrSuperseded) {
		return nil // another process is as far, or further
	}
	return err
}

func (m *Mirror) follow(ctx context.Context, target protocol.SignedCheckpoint, source MirrorSource, progress func(done, total uint64)) error {
	length := target.Contents.LogLength
	if length < m.staged.Length {
		return untruef("log", "the upstream's checkpoint has %d records, and it has shown %d before: its log went back", length, m.staged.Length)
	}
	if length <= lengthOf(m.base) {
		return m.Republish(ctx, target)
	}
	for m.staged.Length < length {
		next, err := m.readStep(ctx, target, source)
		if err != nil {
			return err
		}
		if err := m.stage(ctx, next); err != nil {
			return err
		}
		progress(m.staged.Length, length)
	}
	return m.publish(ctx, target)
}

// mirrorPlan is a step: some leaves behind those that are staged, verified.
type mirrorPlan struct {
	plan
	state  follow.State
	raw    []follow.Leaf
	leaves []sequencedLeaf
}

// readStep reads the leaves of the next step and verifies them against the checkpoint.
func (m *Mirror) readStep(ctx context.Context, target protocol.SignedCheckpoint, source MirrorSource) (next mirrorPlan, err error) {
	root := follow.Root{Size: target.Contents.LogLength, Hash: target.Contents.LogRoot}
	count := int(min(root.Size-m.known.Size(), mirrorStep))
	if next.raw, err = source.Leaves(ctx, m.known.Size(), count); err != nil {
		return next, err
	}
	if len(next.raw) == 0 || len(next.raw) > count {
		return next, untruef("log", "the upstream gives %d records where up to %d from %d on were asked for", len(next.raw), count, m.known.Size())
	}
	if next.leaves, err = m.readLeaves(next.raw); err != nil {
		return next, err
	}
	next.state = m.known.Append(leafValues(next.raw)...)
	if err := consistentWith(ctx, source, next.state.Root(), root); err != nil {
		return next, err
	}
	var plain []protocol.LogLeaf
	for _, leaf := range next.leaves {
		plain = append(plain, leaf.LogLeaf)
	}
	var base store.Checkpoint // what is staged, as if it were one
	base.Signed.Contents.LogLength, base.Signed.Contents.MapRoot = m.staged.Length, m.staged.MapRoot
	next.plan, err = newPlan(ctx, m.options.Index, m.options.Store, base, plain, next.state)
	if err == nil && next.state.Size() == root.Size && next.checkpoint.MapRoot != target.Contents.MapRoot {
		return next, untruef("map", "the upstream signed the map root %s for %d records, which give %s", target.Contents.MapRoot, root.Size, next.checkpoint.MapRoot)
	}
	return next, err
}

// readLeaves reads leaves of the upstream, which must have their places, and names that
// are those of their logs.
func (m *Mirror) readLeaves(raw []follow.Leaf) ([]sequencedLeaf, error) {
	leaves := make([]sequencedLeaf, len(raw))
	for n, l := range raw {
		if want := m.known.Size() + uint64(n); l.Index != want {
			return nil, untruef("log", "the upstream gives leaf %d where leaf %d was asked for", l.Index, want)
		}
		leaf, err := protocol.ParseLogLeaf(l.Value)
		if err != nil {
			return nil, untruef("record", "leaf %d is not a record of a warg registry: %w", l.Index, err)
		}
		if _, _, err := readExtra(leaf, l.ExtraData); err != nil {
			return nil, untruef("record", "leaf %d: %w", l.Index, err)
		}
		leaves[n] = sequencedLeaf{leaf, l.ExtraData}
	}
	return leaves, nil
}

func leafValues(leaves []follow.Leaf) [][]byte {
	values := make([][]byte, len(leaves))
	for n, l := range leaves {
		values[n] = l.Value
	}
	return values
}

// consistentWith demands that the log of the leaves that were read is a prefix of that of
// the checkpoint.
func consistentWith(ctx context.Context, source MirrorSource, read, signed follow.Root) error {
	if read.Size == signed.Size {
		if read.Hash != signed.Hash {
			return untruef("log", "the upstream's records give at %d the log root %s, and it signed %s", read.Size, read.Hash, signed.Hash)
		}
		return nil
	}
	err := source.Consistent(ctx, read, signed)
	if _, ok := errors.AsType[*follow.InconsistentError](err); ok {
		return &UntrueError{"log", err}
	}
	return err
}

// stage stores a step, unless another process has been here. The leaves go into the log
// last: what is there stays, and the root does not cover the envelopes.
func (m *Mirror) stage(ctx context.Context, next mirrorPlan) error {
	now := staged{next.state.Size(), next.checkpoint.MapRoot}
	err := m.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := m.alone(tx); err != nil {
			return err
		}
		for n, leaf := range next.leaves {
			if err := m.restore(tx, leaf); err != nil {
				return fmt.Errorf("leaf %d, record %s of log %s: %w", m.staged.Length+uint64(n), leaf.RecordID, leaf.LogID, err)
			}
		}
		if err := tx.InsertTiles(now.Length, next.tiles); err != nil {
			return err
		}
		text, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if err := tx.ReplaceMeta(stagedKey, text); err != nil {
			return err
		}
		return m.options.Records.AddSequenced(ctx, next.raw)
	})
	if err == nil {
		m.known, m.staged, m.operator = next.state, now, append(m.operator, operatorLeaves(next.plan.leaves)...)
	}
	return err
}

// alone is [store.ErrSuperseded] if another process has published or staged. If not, none
// does before the transaction ends.
func (m *Mirror) alone(tx *store.Tx) error {
	if err := tx.ReplaceNewestLength(lengthOf(m.base), lengthOf(m.base)); err != nil {
		return err
	}
	there, err := readStaged(tx)
	if err == nil && there.Length > m.staged.Length {
		err = store.ErrSuperseded
	}
	return err
}

// restore stores a record. What is no failure of the database is the record's own.
func (m *Mirror) restore(tx *store.Tx, leaf sequencedLeaf) error {
	name, envelope, err := readExtra(leaf.LogLeaf, leaf.extra)
	if err != nil {
		return err
	}
	err = m.options.Restorer.Restore(tx, leaf.LogLeaf, name, envelope)
	if err != nil && !tx.Failed() {
		return &UntrueError{"record", err}
	}
	return err
}

// publish stores a checkpoint of all that is staged, and gives the records behind the one
// before their places. They are read from the log again, some at a time.
func (m *Mirror) publish(ctx context.Context, signed protocol.SignedCheckpoint) error {
	if err := m.waitIntegrated(ctx, m.known); err != nil {
		return err
	}
	if m.staged.MapRoot != signed.Contents.MapRoot || m.known.Root() != rootOf(store.Checkpoint{Signed: signed}) {
		return untruef("log", "the upstream signed the checkpoint of %d records with the roots %s and %s, and the records that it gave have %s and %s",
			signed.Contents.LogLength, signed.Contents.LogRoot, signed.Contents.MapRoot, m.known.Root().Hash, m.staged.MapRoot)
	}
	made := store.Checkpoint{Signed: signed, Roots: m.known.Subtrees()}
	err := m.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := m.alone(tx); err != nil {
			return err
		}
		if err := signedByOperator(tx, m.options.Restorer, m.operator, signed); err != nil {
			return err
		}
		if err := replaceNewest(tx, m.base, lengthOf(made)); err != nil {
			return err
		}
		if err := tx.InsertCheckpoint(made); err != nil {
			return err
		}
		return m.place(ctx, tx, lengthOf(made))
	})
	if err == nil {
		m.begin(made)
	}
	return err
}

// place gives the records behind the newest checkpoint, up to an index, their places.
func (m *Mirror) place(ctx context.Context, tx *store.Tx, end uint64) error {
	for at := lengthOf(m.base); at < end; {
		raw, err := m.options.Records.Leaves(ctx, at, int(min(end-at, mirrorStep)))
		if err != nil {
			return err
		}
		leaves, err := parseLeaves(raw)
		if err != nil {
			return err
		}
		if len(leaves) == 0 {
			return faultf("the mirror's records log ends at %d, before the checkpoint", at)
		}
		if err := placeRecords(tx, at, leaves); err != nil {
			return err
		}
		at += uint64(len(leaves))
	}
	return nil
}
