package publisher

import (
	"bytes"
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Logged is how many leaves of the upstream's checkpoints log are here. complete tells that
// these are all up to what is published: that no checkpoint was passed over, so that the
// next ones can be logged, too.
func (m *Mirror) Logged() (leaves uint64, complete bool) {
	return m.logged.Size, m.logged.LogLength == lengthOf(m.base)
}

// Log notes that the newest checkpoint is the next leaf of the upstream's checkpoints log.
func (m *Mirror) Log(ctx context.Context) error {
	state, err := m.loggedState()
	if err != nil {
		return err
	}
	length := lengthOf(m.base)
	now := verifiedWith(length, state.Append(m.base.Signed.Contents.Checkpoint.Encode()))
	err = m.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.ReplaceCheckpointsLog(m.logged, now, length) })
	if err == nil {
		m.logged = now
	}
	return m.reloaded(ctx, err)
}

// LogPending is [Mirror.Log] for a mirror that takes over each checkpoint of the upstream's
// checkpoints log in its order, and was ended between a checkpoint and its noting: the newest
// checkpoint alone is not noted. It does nothing if there are more of them.
func (m *Mirror) LogPending(ctx context.Context) error {
	if m.logged.Size == 0 || m.logged.LogLength == lengthOf(m.base) {
		return nil
	}
	var behind []store.Checkpoint
	err := m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		behind, err = tx.CheckpointsAfter(m.logged.LogLength, 2)
		return err
	})
	if err != nil || len(behind) != 1 {
		return err
	}
	return m.Log(ctx)
}

func (m *Mirror) loggedState() (follow.State, error) {
	state, err := follow.NewState(m.logged.Size, m.logged.Subtrees)
	if err != nil {
		return state, faultf("the mirror's database is damaged: what is known of the checkpoints log: %w", err)
	}
	return state, nil
}

// Tile makes full tiles of both logs as far as they are published.
func (m *Mirror) Tile(ctx context.Context) error {
	for _, n := range []*notes{
		{p: m.publisher, log: tlog.Records, head: recordsHead, values: recordsEntries},
		{p: m.publisher, log: tlog.Checkpoints, head: checkpointsHead, values: checkpointsEntries},
	} {
		if err := n.tileAll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tileAll makes all full tiles of the log.
func (n *notes) tileAll(ctx context.Context) error {
	for {
		published, fresh, err := n.read(ctx)
		if err != nil || fresh.missing == 0 {
			return err
		}
		if err := n.tile(ctx, published, fresh); err != nil {
			return err
		}
	}
}

// TakeNote stores the upstream's note of a log, whose signature was verified, if it is of a
// log that is here. It returns false if that is not so yet: the note is newer. Of the
// checkpoints log, it is taken only at the size that is here.
func (m *Mirror) TakeNote(ctx context.Context, log tlog.Log, head tlog.TreeHead, text []byte) (taken bool, err error) {
	root := follow.Root{Size: head.Size, Hash: head.Root}
	if log == tlog.Records {
		if root.Size > lengthOf(m.base) {
			return false, nil
		}
		err = follow.Consistent(ctx, m.options.Records, root, rootOf(m.base))
	} else {
		state, err := m.loggedState()
		if err != nil || root.Size != state.Size() {
			return false, err
		}
		if root != state.Root() {
			return false, untruef("log", "its note of %d checkpoints has the root %s, and the checkpoints that it gave have %s", root.Size, root.Hash, state.Root().Hash)
		}
	}
	if err != nil {
		if _, ok := errors.AsType[*follow.InconsistentError](err); ok {
			err = untruef("log", "its note of %d records is of another log than its checkpoints: %w", head.Size, err)
		}
		return false, err
	}
	return true, m.options.Store.Update(ctx, func(tx *store.Tx) error {
		there, err := tx.SignedNote(log)
		if err != nil || bytes.Equal(there.Text, text) {
			return err
		}
		return tx.PutSignedNote(log, store.Note{Size: head.Size, Text: text})
	})
}

// FillCheckpoints puts the checkpoints that are here, in their order, into a log that is
// empty or was filled in part, and proves that it has the root that they give.
func (m *Mirror) FillCheckpoints(ctx context.Context, log MirrorLog) error {
	if _, complete := m.Logged(); !complete {
		return faultf("the checkpoints log is here up to %d records, and %d are published", m.logged.LogLength, lengthOf(m.base))
	}
	for after, index := uint64(0), uint64(0); index < m.logged.Size; {
		var page []store.Checkpoint
		err := m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
			page, err = tx.CheckpointsAfter(after, checkpointsPage)
			return err
		})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return faultf("the database has %d checkpoints, and the checkpoints log %d", index, m.logged.Size)
		}
		leaves := make([]follow.Leaf, len(page))
		for i, c := range page {
			if leaves[i], err = checkpointLeaf(c.Signed); err != nil {
				return err
			}
			leaves[i].Index = index
			index++
		}
		if err := log.AddSequenced(ctx, leaves); err != nil {
			return err
		}
		after = lengthOf(page[len(page)-1])
	}
	state, err := m.loggedState()
	if err != nil {
		return err
	}
	root, err := waitSize(ctx, log, state.Size())
	if err == nil && root != state.Root() {
		err = faultf("the checkpoints log of %d leaves has the root %s, and the checkpoints here give %s", root.Size, root.Hash, state.Root().Hash)
	}
	return err
}

// Base returns the newest checkpoint with the roots of the checkpoints log at it.
func (m *Mirror) Base() (records, checkpoints follow.Root, err error) {
	state, err := m.loggedState()
	return rootOf(m.base), state.Root(), err
}

// Unstage forgets what is staged in the package index, for when the mirror becomes a
// registry, which reads the records from the log again.
func (m *Mirror) Unstage(ctx context.Context) error {
	return m.unstage(ctx)
}

// Permitted returns the ids of the keys that may sign the next checkpoint.
func (m *Mirror) Permitted(ctx context.Context) (ids []protocol.KeyID, err error) {
	err = m.options.Store.View(ctx, func(tx *store.Tx) error {
		log, err := m.options.Restorer.OperatorLog(tx, nil)
		if err == nil {
			ids = log.CheckpointSigners()
		}
		return err
	})
	return ids, err
}
