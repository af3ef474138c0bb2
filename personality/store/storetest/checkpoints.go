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
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.Advance(0, 1), tx.InsertCheckpoint(first)) })
	err = db.Update(context.Background(), func(tx *store.Tx) error { return tx.Advance(0, 2) })
	if !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("advance from a length that was left: %v, want ErrSuperseded", err)
	}
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.Advance(1, 3), tx.InsertCheckpoint(second)) })
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
		return errors.Join(tx.ResignCheckpoint(second.Signed), tx.ResignCheckpoint(sign(3, 15)))
	})
	view(t, db, func(tx *store.Tx) error {
		latest, err := tx.LatestCheckpoint()
		equal(t, "signed again", latest, second)
		return err
	})
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.SetLogged(3, 2), tx.SetLogged(1, 1)) })
	view(t, db, func(tx *store.Tx) error {
		length, size, err := tx.Logged()
		equal(t, "logged", []uint64{length, size}, []uint64{3, 2})
		return err
	})
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
