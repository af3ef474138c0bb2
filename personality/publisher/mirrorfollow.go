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
	return m.reloadedAfter(ctx, m.follow(ctx, target, source, progress))
}

// reloadedAfter reads the database again after a failure that says nothing about the
// upstream. That another process is as far, or further, is none.
func (m *Mirror) reloadedAfter(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*UntrueError](err); err != nil && !ok {
		if loaded := m.load(context.WithoutCancel(ctx)); loaded != nil {
			return errors.Join(err, loaded)
		}
	}
	if errors.Is(err, store.ErrSuperseded) {
		return nil
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
	plans  []plan // for each checkpoint within it, and for its end; one at least
	state  follow.State
	raw    []follow.Leaf
	leaves []sequencedLeaf
}

func (p mirrorPlan) mapRoot() protocol.Hash { return p.plans[len(p.plans)-1].checkpoint.MapRoot }

// readStep reads the leaves of the next step and verifies them against the checkpoint.
func (m *Mirror) readStep(ctx context.Context, target protocol.SignedCheckpoint, source MirrorSource) (next mirrorPlan, err error) {
	root := follow.Root{Size: target.Contents.LogLength, Hash: target.Contents.LogRoot}
	count := int(min(root.Size-m.known.Size(), mirrorStep))
	if next.raw, next.leaves, err = m.readSome(ctx, source, m.known.Size(), count); err != nil {
		return next, err
	}
	next.state = m.known.Append(leafValues(next.raw)...)
	if err := consistentWith(ctx, source, next.state.Root(), root); err != nil {
		return next, err
	}
	var base store.Checkpoint // what is staged, as if it were one
	base.Signed.Contents.LogLength, base.Signed.Contents.MapRoot = m.staged.Length, m.staged.MapRoot
	one, err := newPlan(ctx, m.options.Index, m.options.Store, base, plainLeaves(next.leaves), next.state)
	if err == nil && next.state.Size() == root.Size && one.checkpoint.MapRoot != target.Contents.MapRoot {
		return next, wrongMapRoot(target, one.checkpoint.MapRoot)
	}
	next.plans = []plan{one}
	return next, err
}

func wrongMapRoot(signed protocol.SignedCheckpoint, got protocol.Hash) error {
	return untruef("map", "the upstream signed the map root %s for %d records, which give %s", signed.Contents.MapRoot, signed.Contents.LogLength, got)
}

func plainLeaves(leaves []sequencedLeaf) []protocol.LogLeaf {
	plain := make([]protocol.LogLeaf, len(leaves))
	for n, leaf := range leaves {
		plain[n] = leaf.LogLeaf
	}
	return plain
}

// readSome reads some leaves of the upstream, up to count, one at least.
func (m *Mirror) readSome(ctx context.Context, source MirrorSource, start uint64, count int) ([]follow.Leaf, []sequencedLeaf, error) {
	raw, err := source.Leaves(ctx, start, count)
	if err != nil {
		return nil, nil, err
	}
	if len(raw) == 0 || len(raw) > count {
		return nil, nil, untruef("log", "the upstream gives %d records where up to %d from %d on were asked for", len(raw), count, start)
	}
	leaves, err := readLeaves(start, raw)
	return raw, leaves, err
}

// readLeaves reads leaves of the upstream, which must have their places, and names that
// are those of their logs.
func readLeaves(start uint64, raw []follow.Leaf) ([]sequencedLeaf, error) {
	leaves := make([]sequencedLeaf, len(raw))
	for n, l := range raw {
		if want := start + uint64(n); l.Index != want {
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
	now := staged{next.state.Size(), next.mapRoot()}
	err := m.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := m.alone(tx); err != nil {
			return err
		}
		for n, leaf := range next.leaves {
			if err := m.restore(tx, leaf); err != nil {
				return fmt.Errorf("leaf %d, record %s of log %s: %w", m.staged.Length+uint64(n), leaf.RecordID, leaf.LogID, err)
			}
		}
		for _, one := range next.plans {
			if err := tx.InsertTiles(one.checkpoint.LogLength, one.tiles); err != nil {
				return err
			}
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
		m.known, m.staged, m.operator = next.state, now, append(m.operator, operatorLeaves(plainLeaves(next.leaves))...)
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

// stillStaged is [store.ErrSuperseded] if another process has published, staged more, or
// forgotten what is staged.
func (m *Mirror) stillStaged(tx *store.Tx) error {
	if err := m.alone(tx); err != nil {
		return err
	}
	there, err := readStaged(tx)
	if err == nil && there != m.staged {
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
		if err := m.stillStaged(tx); err != nil {
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
