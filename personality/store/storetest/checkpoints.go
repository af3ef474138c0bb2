package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func testCheckpoints(t *testing.T, db *store.DB) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	sign := func(length, timestamp uint64) protocol.SignedCheckpoint {
		return protocol.TimestampedCheckpoint{
			Checkpoint: protocol.Checkpoint{LogRoot: hash(fmt.Sprint("log", length)), LogLength: length, MapRoot: hash(fmt.Sprint("map", length))},
			Timestamp:  timestamp,
		}.Sign(key)
	}
	view(t, db, func(tx *store.Tx) error {
		_, err := tx.LatestCheckpoint()
		notFound(t, "checkpoint of an empty database", err)
		return nil
	})
	first := store.Checkpoint{Signed: sign(1, 10), Roots: []protocol.Hash{hash("r")}}
	second := store.Checkpoint{Signed: sign(3, 11), Roots: []protocol.Hash{hash("s"), hash("t")}}
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.ReplaceNewestLength(0, 1), tx.InsertCheckpoint(first)) })
	err = db.Update(context.Background(), func(tx *store.Tx) error { return tx.ReplaceNewestLength(0, 2) })
	if !errors.Is(err, store.ErrSuperseded) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("replace a length that was replaced before: %v, want ErrSuperseded", err)
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.ReplaceNewestLength(1, 3), tx.InsertCheckpoint(second))
	})
	view(t, db, func(tx *store.Tx) error {
		latest, err := tx.LatestCheckpoint()
		equal(t, "latest", latest, second)
		got, err2 := tx.Checkpoint(1)
		equal(t, "first", got, first)
		_, missing := tx.Checkpoint(2)
		notFound(t, "length between", missing)
		after, err3 := tx.CheckpointsAfter(0, 1)
		equal(t, "after 0, one", after, []store.Checkpoint{first})
		return errors.Join(err, err2, err3)
	})
	second.Signed = sign(3, 20)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.RepublishCheckpoint(second.Signed), tx.RepublishCheckpoint(sign(3, 15)))
	})
	view(t, db, func(tx *store.Tx) error {
		latest, err := tx.LatestCheckpoint()
		equal(t, "signed again", latest, second)
		return err
	})
	view(t, db, func(tx *store.Tx) error {
		length, err := tx.NewestLength()
		equal(t, "newest length", length, 3)
		return err
	})
}

func testCheckpointsLog(t *testing.T, db *store.DB) {
	one := store.CheckpointsLog{LogLength: 1, Size: 1, Subtrees: []protocol.Hash{hash("a")}}
	three := store.CheckpointsLog{LogLength: 9, Size: 3, Subtrees: []protocol.Hash{hash("b"), hash("c")}}
	stored := func(want store.CheckpointsLog) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.CheckpointsLog()
			equal(t, "checkpoints log", got, want)
			return err
		})
	}
	stored(store.CheckpointsLog{})
	update(t, db, func(tx *store.Tx) error { return tx.ReplaceCheckpointsLog(store.CheckpointsLog{}, one, 1) })
	stored(one)
	other := one
	other.Subtrees = []protocol.Hash{hash("z")}
	for _, old := range []store.CheckpointsLog{{}, three, other, {LogLength: 2, Size: 1, Subtrees: one.Subtrees}} {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			return tx.ReplaceCheckpointsLog(old, three, make([]uint64, three.Size-old.Size)...)
		})
		if !errors.Is(err, store.ErrSuperseded) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("replaced %+v, which is not stored: %v", old, err)
		}
	}
	stored(one)
	update(t, db, func(tx *store.Tx) error { return tx.ReplaceCheckpointsLog(one, three, 5, 9) })
	stored(three)
}

func testTiles(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(
			tx.InsertTiles(2, []index.Tile{{ID: []byte{1}, Data: []byte("a2")}, {ID: []byte{1, 0}, Data: []byte("b2")}}),
			tx.InsertTiles(5, []index.Tile{{ID: []byte{1}, Data: []byte("a5")}}))
	})
	ids := [][]byte{{1}, {1, 0}, {9}}
	for revision, want := range map[uint64]map[string][]byte{
		1: {},
		2: {"\x01": []byte("a2"), "\x01\x00": []byte("b2")},
		4: {"\x01": []byte("a2"), "\x01\x00": []byte("b2")},
		5: {"\x01": []byte("a5"), "\x01\x00": []byte("b2")},
		9: {"\x01": []byte("a5"), "\x01\x00": []byte("b2")},
	} {
		got, err := db.Tiles(context.Background(), ids, revision)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprint("tiles at ", revision), got, want)
	}
}
