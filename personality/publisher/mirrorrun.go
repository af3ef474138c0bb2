package publisher

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// FollowLogged takes over the first of some checkpoints, which are the next leaves of the
// upstream's checkpoints log in their order, and notes that they are. It returns how many
// these are: one, if it is far ahead, and else all whose records make one run, in two
// transactions together. None shows before all of these do. Each is verified as [Mirror.Follow]
// does it. Where one of them does not hold, those before it are taken over, one each time.
//
// Errors are those of Follow. If another process is further, nothing is taken over.
func (m *Mirror) FollowLogged(ctx context.Context, next []protocol.SignedCheckpoint, source MirrorSource, progress func(done, total uint64)) (taken int, err error) {
	if n := inOneRun(lengthOf(m.base), next); n > 0 {
		taken, err := m.followRun(ctx, next[:n], source)
		_, untrue := errors.AsType[*UntrueError](err)
		none := err == nil && taken == 0
		err = m.reloadedAfter(ctx, err)
		progress(m.staged.Length, m.staged.Length)
		if !none && !(untrue && n > 1) {
			return taken, err
		}
	}
	if m.staged.Length > next[0].Contents.LogLength { // a run that was not published
		if err := m.reloadedAfter(ctx, m.unstage(ctx)); err != nil {
			return 0, err
		}
	}
	if err := m.Follow(ctx, next[0], source, progress); err != nil {
		return 0, err
	}
	if m.base.Signed.Contents.Checkpoint != next[0].Contents.Checkpoint {
		return 0, nil // another process is further
	}
	return 1, m.Log(ctx)
}

const (
	// maxRun is how many leaves a run has at most: fewer than a step, so that a mirror that is
	// interrupted often gets on, and enough for a transaction to cost little for each.
	maxRun = 256
	// maxRunBytes is about how many bytes these have at most, with their records.
	maxRunBytes = 8 << 20
)

// inOneRun is how many checkpoints behind one of some length are that close.
func inOneRun(base uint64, next []protocol.SignedCheckpoint) (n int) {
	before := base
	for _, c := range next {
		length := c.Contents.LogLength
		if length <= before || length-base > maxRun {
			break
		}
		before = length
		n++
	}
	return n
}

// followRun takes over checkpoints whose records make one run, or the first of them if
// these are large records; none if those of the first one are.
func (m *Mirror) followRun(ctx context.Context, run []protocol.SignedCheckpoint, source MirrorSource) (taken int, err error) {
	if m.staged.Length > lengthOf(m.base) {
		if err := m.unstage(ctx); err != nil {
			return 0, err
		}
	}
	var next mirrorPlan
	if next.raw, next.leaves, err = m.readUpTo(ctx, run[len(run)-1].Contents.LogLength, source); err != nil {
		return 0, err
	}
	run, next = next.whole(m.known.Size(), run)
	if len(run) == 0 {
		return 0, nil
	}
	if err := m.verifyRun(ctx, run, &next, source); err != nil {
		return 0, err
	}
	if err := m.stage(ctx, next); err != nil {
		return 0, err
	}
	if err := m.waitIntegrated(ctx, m.known); err != nil {
		return 0, err
	}
	return len(run), m.publishRun(ctx, run, next)
}

// whole are the checkpoints of a run whose leaves were read from an index on, and these.
func (p mirrorPlan) whole(start uint64, run []protocol.SignedCheckpoint) ([]protocol.SignedCheckpoint, mirrorPlan) {
	read := 0
	for n, signed := range run {
		length := signed.Contents.LogLength
		if length > start+uint64(len(p.raw)) {
			run = run[:n]
			break
		}
		read = int(length - start)
	}
	p.raw, p.leaves = p.raw[:read], p.leaves[:read]
	return run, p
}

// verifyRun verifies the leaves of a run against each of its checkpoints, and plans these.
func (m *Mirror) verifyRun(ctx context.Context, run []protocol.SignedCheckpoint, next *mirrorPlan, source MirrorSource) error {
	base, made := m.base, &madeTiles{TileReader: m.options.Store, newest: map[string][]byte{}}
	next.state = m.known
	for _, signed := range run {
		from, to := lengthOf(base)-lengthOf(m.base), signed.Contents.LogLength-lengthOf(m.base)
		next.state = next.state.Append(leafValues(next.raw[from:to])...)
		if err := consistentWith(ctx, source, next.state.Root(), rootOf(store.Checkpoint{Signed: signed})); err != nil {
			return err
		}
		one, err := newPlan(ctx, m.options.Index, made, base, plainLeaves(next.leaves[from:to]), next.state)
		if err != nil {
			return err
		}
		if one.checkpoint.MapRoot != signed.Contents.MapRoot {
			return wrongMapRoot(signed, one.checkpoint.MapRoot)
		}
		made.add(one.tiles)
		next.plans = append(next.plans, one)
		base = store.Checkpoint{Signed: signed}
	}
	return nil
}

// readUpTo reads the leaves behind those that are known, up to an index or until they have
// maxRunBytes.
func (m *Mirror) readUpTo(ctx context.Context, end uint64, source MirrorSource) (raw []follow.Leaf, leaves []sequencedLeaf, err error) {
	bytes := 0
	for at := m.known.Size(); at < end && bytes < maxRunBytes; at = m.known.Size() + uint64(len(raw)) {
		some, read, err := m.readSome(ctx, source, at, int(end-at))
		if err != nil {
			return nil, nil, err
		}
		raw, leaves = append(raw, some...), append(leaves, read...)
		for _, leaf := range some {
			bytes += len(leaf.Value) + len(leaf.ExtraData)
		}
	}
	return raw, leaves, nil
}

// madeTiles are the tiles of the index with those that were made and not stored yet. It
// implements [index.TileReader] for the newest revision.
type madeTiles struct {
	index.TileReader
	newest map[string][]byte // by id
}

func (t *madeTiles) add(tiles []index.Tile) {
	for _, tile := range tiles {
		t.newest[string(tile.ID)] = tile.Data
	}
}

// Tiles implements [index.TileReader].
func (t *madeTiles) Tiles(ctx context.Context, ids [][]byte, revision uint64) (map[string][]byte, error) {
	var stored [][]byte
	for _, id := range ids {
		if _, ok := t.newest[string(id)]; !ok {
			stored = append(stored, id)
		}
	}
	found := make(map[string][]byte, len(ids))
	if len(stored) > 0 {
		var err error
		if found, err = t.TileReader.Tiles(ctx, stored, revision); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if data, ok := t.newest[string(id)]; ok {
			found[string(id)] = data
		}
	}
	return found, nil
}

// publishRun stores the checkpoints of a run that is staged, and that they are the next
// leaves of the checkpoints log.
func (m *Mirror) publishRun(ctx context.Context, run []protocol.SignedCheckpoint, next mirrorPlan) error {
	logged, err := m.loggedState()
	if err != nil {
		return err
	}
	made, lengths := make([]store.Checkpoint, len(run)), make([]uint64, len(run))
	for i, signed := range run {
		made[i] = store.Checkpoint{Signed: signed, Roots: next.plans[i].subtrees}
		lengths[i] = signed.Contents.LogLength
		logged = logged.Append(signed.Contents.Checkpoint.Encode())
	}
	end := made[len(made)-1]
	now := verifiedWith(lengthOf(end), logged)
	err = m.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := m.stillStaged(tx); err != nil {
			return err
		}
		var own []protocol.LogLeaf
		for i, signed := range run {
			own = append(own, operatorLeaves(next.plans[i].leaves)...)
			if err := signedByOperator(tx, m.options.Restorer, own, signed); err != nil {
				return err
			}
		}
		if err := replaceNewest(tx, m.base, lengthOf(end)); err != nil {
			return err
		}
		for _, c := range made {
			if err := tx.InsertCheckpoint(c); err != nil {
				return err
			}
		}
		if err := m.place(ctx, tx, lengthOf(end)); err != nil {
			return err
		}
		return tx.ReplaceCheckpointsLog(m.logged, now, lengths...)
	})
	if err == nil {
		m.begin(end)
		m.logged = now
	}
	return err
}

// unstage forgets what is staged, so that what comes next begins behind what is published:
// a run that was interrupted has checkpoints within what it has staged. The records that it
// accepted, and its leaves, stay, and are met again.
func (m *Mirror) unstage(ctx context.Context) error {
	known, err := follow.NewState(lengthOf(m.base), m.base.Roots)
	if err != nil {
		return faultf("the mirror's database is damaged: the newest checkpoint's subtrees: %w", err)
	}
	err = m.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := m.alone(tx); err != nil {
			return err
		}
		if err := tx.DropTiles(lengthOf(m.base)); err != nil {
			return err
		}
		return tx.DropMeta(stagedKey)
	})
	if err == nil {
		m.begin(m.base)
		m.known = known
	}
	return err
}
