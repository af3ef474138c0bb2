package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

const (
	// noteInterval is the least time between two notes of a log. Tiles and notes are
	// made at a pace of their own: nobody who publishes waits for them.
	noteInterval = time.Second
	// tilesPerStep is how many tiles of level 0 are made in one transaction.
	tilesPerStep = 16
	// tilingNoted is how often it is said how far the tiles of a registry are that was
	// filled before there were tiles.
	tilingNoted = 5 * time.Second
)

// notes is the stage after publication that makes the tiles of one log and signs its
// notes. Both come of what is published in the database, and a note is signed only if
// the leaves there, below the tiles and behind them, give the root that was published.
// The tiles of a registry that was filled before there were any are made in the same
// way, some at a time.
type notes struct {
	p   *Publisher
	log tlog.Log
	key *tlog.NoteKey
	// head returns the newest root of the log that is published.
	head func(*store.Tx) (follow.Root, error)
	// values returns the entries of count leaves from start on, all of which are
	// published.
	values func(tx *store.Tx, start uint64, count int) ([][]byte, error)

	signed uint64    // size of the newest note that this process has signed; 0: none
	at     time.Time // when that was
	noted  time.Time // when it was last said how far the tiles are
}

// newNotes returns the stage for a log.
func newNotes(p *Publisher, log tlog.Log) *notes {
	if log == tlog.Records {
		return &notes{p: p, log: log, key: p.options.RecordsNoteKey, head: recordsHead, values: recordsEntries}
	}
	return &notes{p: p, log: log, key: p.options.CheckpointsNoteKey, head: checkpointsHead, values: checkpointsEntries}
}

func recordsHead(tx *store.Tx) (follow.Root, error) {
	newest, err := tx.LatestCheckpoint()
	if errors.Is(err, store.ErrNotFound) {
		return follow.Root{}, nil
	}
	return rootOf(newest), err
}

func recordsEntries(tx *store.Tx, start uint64, count int) ([][]byte, error) {
	leaves, err := tx.Leaves(start, count)
	values := make([][]byte, len(leaves))
	for i, leaf := range leaves {
		values[i] = leaf.Encode()
	}
	return values, err
}

func checkpointsHead(tx *store.Tx) (follow.Root, error) {
	verified, err := tx.CheckpointsLog()
	if err != nil {
		return follow.Root{}, err
	}
	state, err := follow.NewState(verified.Size, verified.Subtrees)
	if err != nil {
		return follow.Root{}, faultf("the registry's database is damaged: what is known of the checkpoints log: %w", err)
	}
	return state.Root(), nil
}

func checkpointsEntries(tx *store.Tx, start uint64, count int) ([][]byte, error) {
	checkpoints, err := tx.LoggedCheckpoints(start, count)
	values := make([][]byte, len(checkpoints))
	for i, c := range checkpoints {
		values[i] = c.Encode()
	}
	return values, err
}

// step makes some tiles, or signs a note if all there are to be are there.
func (n *notes) step(ctx context.Context) (time.Duration, error) {
	if wait := noteInterval - n.p.options.Now().Sub(n.at); wait > 0 && wait <= noteInterval {
		return wait, nil
	}
	published, fresh, err := n.read(ctx)
	switch {
	case err != nil:
		return 0, err
	case fresh.missing > 0:
		return 0, n.tile(ctx, published, fresh)
	case published.Size == 0 || published.Size == n.signed:
		return idlePoll, nil
	}
	if got := fresh.state.Root(); got != published {
		return 0, faultf("the registry's database is damaged: its leaves of the %s log give at %d the root %s, and %s was published", n.log, published.Size, got.Hash, published.Hash)
	}
	return idlePoll, n.sign(ctx, published)
}

// untiled are leaves of a log behind its full tiles.
type untiled struct {
	tiled   store.Tiled
	state   follow.State // with the values
	values  [][]byte
	missing uint64 // full tiles of level 0 that are still to be made
}

// read reads the newest root, and leaves behind the full tiles: those of some tiles, or
// all, if they make no tile.
func (n *notes) read(ctx context.Context) (published follow.Root, fresh untiled, err error) {
	err = n.p.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		if published, err = n.head(tx); err != nil {
			return err
		}
		if fresh.tiled, err = tx.Tiled(n.log); err != nil || published.Size == n.signed {
			return err
		}
		if fresh.tiled.Size > published.Size {
			return faultf("the registry's database is damaged: it has tiles of %d leaves of the %s log, of which %d are published", fresh.tiled.Size, n.log, published.Size)
		}
		fresh.missing = (published.Size - fresh.tiled.Size) / tlog.TileWidth
		count := int(published.Size - fresh.tiled.Size)
		if fresh.missing > 0 {
			count = tlog.TileWidth * int(min(fresh.missing, tilesPerStep))
		}
		fresh.values, err = n.values(tx, fresh.tiled.Size, count)
		if err == nil && len(fresh.values) != count {
			err = faultf("the registry's database is damaged: it has %d of the %d leaves of the %s log from %d on", len(fresh.values), count, n.log, fresh.tiled.Size)
		}
		return err
	})
	if err != nil {
		return published, fresh, err
	}
	state, err := follow.NewState(fresh.tiled.Size, fresh.tiled.Subtrees)
	if err != nil {
		return published, fresh, faultf("the registry's database is damaged: the tiles of the %s log: %w", n.log, err)
	}
	fresh.state = state.Append(fresh.values...)
	return published, fresh, nil
}

// tile stores the tiles of what was read. [store.ErrSuperseded] is no failure: another
// process has made them.
func (n *notes) tile(ctx context.Context, published follow.Root, fresh untiled) error {
	now := store.Tiled{Size: fresh.state.Size(), Subtrees: fresh.state.Subtrees()}
	err := n.p.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.ReplaceTiled(n.log, fresh.tiled, now); err != nil {
			return err
		}
		return storeTiles(tx, n.log, fresh.tiled.Size, fresh.values)
	})
	if errors.Is(err, store.ErrSuperseded) {
		return nil
	}
	if err == nil && fresh.missing > tilesPerStep && n.p.options.Now().Sub(n.noted) >= tilingNoted {
		n.noted = n.p.options.Now()
		n.p.options.Logger.Info("making the tiles of a log that has none yet", "log", string(n.log), "leaves", now.Size, "of", published.Size)
	}
	return err
}

// sign signs a root and stores the note.
func (n *notes) sign(ctx context.Context, published follow.Root) error {
	note, err := n.key.Sign(tlog.TreeHead{Origin: n.key.Name(), Size: published.Size, Root: published.Hash})
	if err != nil {
		return err
	}
	err = n.p.options.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutSignedNote(n.log, store.Note{Size: published.Size, Text: note})
	})
	if err != nil {
		return err
	}
	n.signed, n.at = published.Size, n.p.options.Now()
	n.p.options.Observer.Noted(string(n.log), published.Size)
	return nil
}

// storeTiles stores the tiles of level 0 of leaves, which are whole tiles, and what
// they add to the levels above.
func storeTiles(tx *store.Tx, log tlog.Log, start uint64, values [][]byte) error {
	for i := 0; i < len(values); i += tlog.TileWidth {
		hashes := make([]byte, 0, tlog.TileWidth*protocol.HashSize)
		for _, value := range values[i : i+tlog.TileWidth] {
			hash := tlog.LeafHash(value)
			hashes = append(hashes, hash[:]...)
		}
		number := (start + uint64(i)) / tlog.TileWidth
		if err := tx.InsertLogTile(log, 0, number, hashes); err != nil {
			return err
		}
		if err := addToTile(tx, log, 1, number, tlog.TileRoot(hashes)); err != nil {
			return err
		}
	}
	return nil
}

// addToTile stores the hash with some number at a level of tiles, and, if its tile is
// full then, the hash of that at the level above.
func addToTile(tx *store.Tx, log tlog.Log, level int, number uint64, hash protocol.Hash) error {
	tile, at := number/tlog.TileWidth, int(number%tlog.TileWidth)
	hashes, err := tx.LogTile(log, level, tile)
	if err != nil {
		return err
	}
	if len(hashes) != at*protocol.HashSize {
		return faultf("the registry's database is damaged: tile %d of level %d of the %s log has %d bytes, and should have %d", tile, level, log, len(hashes), at*protocol.HashSize)
	}
	put := tx.UpdateLogTile
	if at == 0 {
		put = tx.InsertLogTile
	}
	hashes = append(hashes, hash[:]...)
	if err := put(log, level, tile, hashes); err != nil {
		return fmt.Errorf("tile %d of level %d: %w", tile, level, err)
	}
	if at == tlog.TileWidth-1 {
		return addToTile(tx, log, level+1, tile, tlog.TileRoot(hashes))
	}
	return nil
}
