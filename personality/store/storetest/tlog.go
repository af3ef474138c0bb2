package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// testLogTiles: the two logs have tiles of their own, and how far they are is compared
// and set.
func testLogTiles(t *testing.T, db *store.DB) {
	full := store.Tiled{Size: 512, Subtrees: []protocol.Hash{hash("a")}}
	for _, log := range tlog.Logs {
		name := string(log)
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.ReplaceTiled(log, store.Tiled{}, full), tx.InsertLogTile(log, 0, 1, []byte(name)), tx.InsertLogTile(log, 1, 0, []byte("x")), tx.UpdateLogTile(log, 1, 0, []byte("xy")))
		})
		err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.ReplaceTiled(log, store.Tiled{}, full) })
		if !errors.Is(err, store.ErrSuperseded) {
			t.Errorf("replaced what is not there: %v", err)
		}
	}
	view(t, db, func(tx *store.Tx) error {
		for _, log := range tlog.Logs {
			got, err := tx.Tiled(log)
			equal(t, "tiled", got, full)
			tile, err2 := tx.LogTile(log, 0, 1)
			equal(t, "tile of level 0", string(tile), string(log))
			grown, err3 := tx.LogTile(log, 1, 0)
			equal(t, "tile that grew", string(grown), "xy")
			none, err4 := tx.LogTile(log, 0, 0)
			equal(t, "no tile", len(none), 0)
			if err := errors.Join(err, err2, err3, err4); err != nil {
				return err
			}
		}
		return nil
	})
}

// testNotes: a note is never replaced by one of a smaller size.
func testNotes(t *testing.T, db *store.DB) {
	check := func(what string, log tlog.Log, signed, cosigned store.Note) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.SignedNote(log)
			equal(t, what+": signed", got, signed)
			got, err2 := tx.CosignedNote(log)
			equal(t, what+": cosigned", got, cosigned)
			return errors.Join(err, err2)
		})
	}
	none := store.Note{Text: []byte{}}
	note := func(size uint64, text string) store.Note { return store.Note{Size: size, Text: []byte(text)} }
	check("at first", tlog.Records, none, none)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.PutSignedNote(tlog.Records, note(5, "five")), tx.PutSignedNote(tlog.Records, note(3, "three")), tx.PutCosignedNote(tlog.Records, note(4, "four")),
			tx.PutCosignedNote(tlog.Records, note(4, "four and more")))
	})
	check("older ones are not taken", tlog.Records, note(5, "five"), note(4, "four and more"))
	check("the other log", tlog.Checkpoints, none, none)
	update(t, db, func(tx *store.Tx) error { return tx.DropCosignedNote(tlog.Records, note(4, "four")) })
	check("another one is dropped", tlog.Records, note(5, "five"), note(4, "four and more"))
	update(t, db, func(tx *store.Tx) error { return tx.DropCosignedNote(tlog.Records, note(4, "four and more")) })
	check("it is dropped", tlog.Records, note(5, "five"), none)
}

func testWitnessed(t *testing.T, db *store.DB) {
	a, b := hash("a"), hash("b")
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.SetWitnessed(tlog.Records, a, 5), tx.SetWitnessed(tlog.Records, b, 6), tx.SetWitnessed(tlog.Records, a, 4))
	})
	view(t, db, func(tx *store.Tx) error {
		records, err := tx.Witnessed(tlog.Records)
		equal(t, "records", records, map[protocol.Hash]uint64{a: 4, b: 6})
		checkpoints, err2 := tx.Witnessed(tlog.Checkpoints)
		equal(t, "checkpoints", len(checkpoints), 0)
		return errors.Join(err, err2)
	})
}

// testLoggedCheckpoints: the leaves of the checkpoints log are the checkpoints that
// were said to be there.
func testLoggedCheckpoints(t *testing.T, db *store.DB) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := func(length uint64) protocol.Checkpoint {
		return protocol.Checkpoint{LogRoot: hash(fmt.Sprint("log", length)), LogLength: length, MapRoot: hash(fmt.Sprint("map", length))}
	}
	lengths := []uint64{2, 3, 7, 11}
	update(t, db, func(tx *store.Tx) error {
		for _, length := range append(lengths, 12) {
			signed := protocol.TimestampedCheckpoint{Checkpoint: checkpoint(length), Timestamp: length}.Sign(key)
			if err := tx.InsertCheckpoint(store.Checkpoint{Signed: signed}); err != nil {
				return err
			}
		}
		three := store.CheckpointsLog{LogLength: 7, Size: 3, Subtrees: []protocol.Hash{hash("a"), hash("b")}}
		four := store.CheckpointsLog{LogLength: 11, Size: 4, Subtrees: []protocol.Hash{hash("c")}}
		if err := tx.ReplaceCheckpointsLog(store.CheckpointsLog{}, three, 2, 3); err == nil {
			t.Error("three leaves are noted with two lengths")
		}
		return errors.Join(tx.ReplaceCheckpointsLog(store.CheckpointsLog{}, three, lengths[:3]...), tx.ReplaceCheckpointsLog(three, four, 11))
	})
	view(t, db, func(tx *store.Tx) error {
		for start := range uint64(6) {
			for count := range 5 {
				got, err := tx.LoggedCheckpoints(start, count)
				if err != nil {
					return err
				}
				var want []protocol.Checkpoint
				for n := start; n < min(start+uint64(count), 4); n++ {
					want = append(want, checkpoint(lengths[n]))
				}
				equal(t, fmt.Sprintf("%d leaves from %d on", count, start), got, want)
			}
		}
		none, err := tx.LoggedCheckpoints(1<<63, 9)
		equal(t, "beyond all", len(none), 0)
		return err
	})
}

// testEnvelopes: as many come as fit.
func testEnvelopes(t *testing.T, db *store.DB) {
	_, records := newLog(t, db, "one", 3)
	_, others := newLog(t, db, "two", 2)
	update(t, db, func(tx *store.Tx) error {
		var placements []store.Placement
		for i, r := range []store.Record{records[0], others[0], records[1], others[1]} {
			placements = append(placements, store.Placement{Record: r.ID, RegistryIndex: uint64(i)})
		}
		return tx.Publish(placements)
	})
	size := len(records[0].Envelope)
	view(t, db, func(tx *store.Tx) error {
		for _, c := range []struct {
			start           uint64
			count, maxBytes int
			want            []string
		}{
			{0, 4, 1000, []string{"one0", "two0", "one1", "two1"}}, {0, 9, 1000, []string{"one0", "two0", "one1", "two1"}}, {1, 2, 1000, []string{"two0", "one1"}},
			{0, 4, 1, []string{"one0"}}, {0, 4, size + 1, []string{"one0", "two0"}}, {2, 2, size, []string{"one1"}}, {4, 2, 1000, nil}, {1 << 63, 2, 1000, nil},
		} {
			envelopes, err := tx.Envelopes(c.start, c.count, c.maxBytes)
			if err != nil {
				return err
			}
			var got []string
			for _, e := range envelopes {
				got = append(got, e.Name+string(e.Envelope[len(e.Envelope)-1:]))
				if string(e.Envelope[:len(e.Envelope)-1]) != "envelope "+e.Name {
					t.Errorf("the envelope %q is given the name %q", e.Envelope, e.Name)
				}
			}
			equal(t, fmt.Sprint(c.start, c.count, c.maxBytes), got, c.want)
		}
		return nil
	})
}
