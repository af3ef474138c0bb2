// Package storetest is the conformance test of the registry's database: every
// backend of package store runs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/protocol"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// Run tests a backend. open returns a new, empty database that is closed at the
// end of the test.
func Run(t *testing.T, open func(*testing.T) *store.DB) {
	for name, test := range map[string]func(*testing.T, *store.DB){
		"logs":         testLogs,
		"releases":     testReleases,
		"records":      testRecords,
		"content":      testContent,
		"sequencing":   testSequencing,
		"reading":      testReading,
		"checkpoints":  testCheckpoints,
		"tiles":        testTiles,
		"transactions": testTransactions,
		"grouping":     testGrouping,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func hash(text string) protocol.Hash { return protocol.HashOf([]byte(text)) }

// update and view run f in a transaction that must not fail.
func update(t *testing.T, db *store.DB, f func(*store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, db *store.DB, f func(*store.Tx) error) {
	t.Helper()
	if err := db.View(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s: error %v, want ErrNotFound", what, err)
	}
}

// newLog stores a log with some accepted, complete records.
func newLog(t *testing.T, db *store.DB, name string, length int) (store.Log, []store.Record) {
	t.Helper()
	log := store.Log{LogID: hash(name), Name: name, Length: uint64(length), State: []byte("state")}
	records := make([]store.Record, length)
	update(t, db, func(tx *store.Tx) error {
		if err := tx.InsertLog(&log); err != nil {
			return err
		}
		for i := range records {
			position := uint64(i)
			records[i] = store.Record{
				Log: log.ID, RecordID: hash(fmt.Sprint(name, i)), Position: &position, State: store.Processing,
				AcceptedAt: time.Unix(1000+int64(i), 0), Envelope: []byte(fmt.Sprint("envelope ", name, i)), StateBefore: []byte{byte(i)},
			}
			if err := tx.InsertRecord(&records[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return log, records
}

func testLogs(t *testing.T, db *store.DB) {
	log, _ := newLog(t, db, "a:b", 2)
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Log(hash("other"))
		notFound(t, "unknown log", err)
		got, err := tx.Log(log.LogID)
		equal(t, "log", got, log)
		byID, err2 := tx.LogByID(log.ID)
		equal(t, "log by key", byID, log)
		log.Length, log.State = 7, []byte("after")
		return errors.Join(err, err2, tx.UpdateLog(log))
	})
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.Log(log.LogID)
		equal(t, "updated log", got, log)
		_, missing := tx.PublishedName(log.LogID)
		notFound(t, "name of an unpublished log", missing)
		_, missing = tx.Meta("x")
		notFound(t, "unset meta", missing)
		return err
	})
	update(t, db, func(tx *store.Tx) error { return tx.SetMeta("x", []byte{1}) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.Meta("x")
		equal(t, "meta", got, []byte{1})
		return err
	})
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.InsertLog(&store.Log{LogID: log.LogID, State: []byte{}}) }); err == nil {
		t.Error("a log id was stored twice")
	}
}

func testReleases(t *testing.T, db *store.DB) {
	log, _ := newLog(t, db, "a:b", 4)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(
			tx.InsertRelease(log.ID, store.Release{Version: "1.0.0", Content: "c1", Released: 0}),
			tx.InsertRelease(log.ID, store.Release{Version: "1.0.0+B", Content: "c2", Released: 1}),
			tx.InsertRelease(log.ID, store.Release{Version: "1.0.0+b", Content: "c3", Released: 2}), // versions differ by case
			tx.Yank(log.ID, "1.0.0", 1), tx.Yank(log.ID, "1.0.0+B", 3))
	})
	one, three := uint64(1), uint64(3)
	expect := func(version string, want store.Release) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.Release(log.ID, version)
			if err == nil && ((got.Yanked == nil) != (want.Yanked == nil) || got.Yanked != nil && *got.Yanked != *want.Yanked) {
				t.Errorf("%s: yanked %v, want %v", version, got.Yanked, want.Yanked)
			}
			got.Yanked, want.Yanked = nil, nil
			equal(t, version, got, want)
			return err
		})
	}
	expect("1.0.0", store.Release{Version: "1.0.0", Content: "c1", Yanked: &one})
	expect("1.0.0+B", store.Release{Version: "1.0.0+B", Content: "c2", Released: 1, Yanked: &three})
	update(t, db, func(tx *store.Tx) error { return tx.UndoReleases(log.ID, 2) })
	expect("1.0.0", store.Release{Version: "1.0.0", Content: "c1", Yanked: &one})
	expect("1.0.0+B", store.Release{Version: "1.0.0+B", Content: "c2", Released: 1})
	view(t, db, func(tx *store.Tx) error {
		_, err := tx.Release(log.ID, "1.0.0+b")
		notFound(t, "undone release", err)
		_, err = tx.Release(log.ID+1, "1.0.0")
		notFound(t, "release of another log", err)
		return nil
	})
}

func testRecords(t *testing.T, db *store.DB) {
	log, records := newLog(t, db, "a:b", 3)
	view(t, db, func(tx *store.Tx) error {
		for i, want := range records {
			byRecordID, err1 := tx.Record(log.ID, want.RecordID)
			byKey, err2 := tx.RecordByID(want.ID)
			byPosition, err3 := tx.RecordAt(log.ID, uint64(i))
			if err := errors.Join(err1, err2, err3); err != nil {
				return err
			}
			for _, got := range []store.Record{byRecordID, byKey, byPosition} {
				equal(t, "position", *got.Position, uint64(i))
				got.Position, want.Position = nil, nil
				equal(t, "record", got, want)
			}
		}
		_, err := tx.Record(log.ID, hash("other"))
		notFound(t, "unknown record", err)
		_, err = tx.RecordAt(log.ID, 3)
		notFound(t, "position behind the end", err)
		return nil
	})
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.RejectRecord(records[2].ID, "why"), tx.SetState(records[1].ID, store.Sourcing))
	})
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.RecordByID(records[2].ID)
		if got.Position != nil || got.StateBefore != nil || got.State != store.Rejected || got.Reason != "why" {
			t.Errorf("rejected record: %+v", got)
		}
		from, err2 := tx.RecordsFrom(log.ID, 1)
		if len(from) != 1 || from[0].ID != records[1].ID || from[0].State != store.Sourcing {
			t.Errorf("records from position 1: %+v", from)
		}
		return errors.Join(err, err2)
	})
	twice := records[0]
	twice.Position = nil
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.InsertRecord(&twice) }); err == nil {
		t.Error("a record was stored twice in one log")
	}
	other, _ := newLog(t, db, "c:d", 0)
	twice.Log = other.ID
	update(t, db, func(tx *store.Tx) error { return tx.InsertRecord(&twice) })
}

func testContent(t *testing.T, db *store.DB) {
	_, records := newLog(t, db, "a:b", 3)
	x, y := hash("x"), hash("y")
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.AddMissing(records[0].ID, x), tx.AddMissing(records[0].ID, y), tx.AddMissing(records[1].ID, x))
	})
	update(t, db, func(tx *store.Tx) error {
		missing, err := tx.Missing(records[0].ID)
		if len(missing) != 2 || !slices.Contains(missing, x) || !slices.Contains(missing, y) {
			t.Errorf("missing: %v", missing)
		}
		waiting, err2 := tx.WaitingFor(x)
		if len(waiting) != 2 || waiting[0].ID != records[0].ID || waiting[1].ID != records[1].ID {
			t.Errorf("waiting for x: %+v", waiting)
		}
		late, err3 := tx.SourcingSince(time.Unix(1001, 0), 10)
		if len(late) != 1 || late[0].ID != records[0].ID {
			t.Errorf("waiting since before 1001: %+v", late)
		}
		return errors.Join(err, err2, err3, tx.ContentArrived(x))
	})
	update(t, db, func(tx *store.Tx) error {
		missing, err := tx.Missing(records[0].ID)
		equal(t, "missing after x arrived", missing, []protocol.Hash{y})
		return errors.Join(err, tx.ForgetMissing(records[0].ID))
	})
	view(t, db, func(tx *store.Tx) error {
		waiting, err := tx.WaitingFor(y)
		equal(t, "waiting for y", len(waiting), 0)
		return err
	})
}

func testSequencing(t *testing.T, db *store.DB) {
	log, records := newLog(t, db, "a:b", 4)
	leaf := func(i int) protocol.LogLeaf {
		return protocol.LogLeaf{LogID: log.LogID, RecordID: records[i].RecordID}
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.SetState(records[2].ID, store.Sourcing), tx.MarkReady(records[1].ID), tx.MarkReady(records[0].ID))
	})
	update(t, db, func(tx *store.Tx) error {
		ready, err := tx.Ready(10)
		equal(t, "ready", ready, []int64{records[0].ID, records[1].ID})
		some, err2 := tx.Ready(1)
		equal(t, "ready, one", some, []int64{records[0].ID})
		p, err3 := tx.Pending(records[0].ID)
		equal(t, "pending", p, store.Pending{Record: records[0].ID, Log: log.ID, LogLength: 4, Leaf: leaf(0), Name: "a:b", Envelope: records[0].Envelope})
		from, err4 := tx.PendingFrom(log.ID, 1, 10)
		equal(t, "pending from 1, up to the incomplete one", len(from), 1)
		gap, err5 := tx.PendingFrom(log.ID, 2, 10)
		equal(t, "pending from the incomplete one", len(gap), 0)
		s, err6 := tx.Sequenced(leaf(0))
		equal(t, "sequenced", s, store.Sequenced{Record: records[0].ID, Log: log.ID, State: store.Processing})
		last, err7 := tx.Sequenced(leaf(3))
		equal(t, "sequenced, last", last, store.Sequenced{Record: records[3].ID, Log: log.ID, Position: 3, State: store.Processing, Last: true})
		_, unknown := tx.Sequenced(protocol.LogLeaf{LogID: log.LogID})
		notFound(t, "unknown leaf", unknown)
		return errors.Join(err, err2, err3, err4, err5, err6, err7, tx.Publish(records[0].ID, 5), tx.Publish(records[1].ID, 7))
	})
	view(t, db, func(tx *store.Tx) error {
		ready, err := tx.Ready(10)
		equal(t, "ready after publishing", len(ready), 0)
		got, err2 := tx.RecordByID(records[0].ID)
		if got.State != store.Published || got.RegistryIndex == nil || *got.RegistryIndex != 5 || got.StateBefore != nil {
			t.Errorf("published record: %+v", got)
		}
		return errors.Join(err, err2)
	})
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.Publish(records[3].ID, 7) }); err == nil {
		t.Error("two records were published at one index")
	}
}

func testReading(t *testing.T, db *store.DB) {
	log, records := newLog(t, db, "a:b", 4)
	unpublished, _ := newLog(t, db, "c:d", 1)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.Publish(records[0].ID, 0), tx.Publish(records[1].ID, 3), tx.Publish(records[2].ID, 4))
	})
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.PublishedRecords(log.ID, 0, 4, 10)
		if len(all) != 2 || all[0].ID != records[0].ID || all[1].ID != records[1].ID {
			t.Errorf("published below 4: %+v", all)
		}
		one, err2 := tx.PublishedRecords(log.ID, 1, 9, 1)
		if len(one) != 1 || one[0].ID != records[1].ID {
			t.Errorf("published from 1, one: %+v", one)
		}
		name, err3 := tx.PublishedName(log.LogID)
		equal(t, "name", name, "a:b")
		_, err4 := tx.FirstPublished(log.ID)
		_, missing := tx.FirstPublished(unpublished.ID)
		notFound(t, "first of an unpublished log", missing)
		leaves, err5 := tx.Leaves(1, 10)
		equal(t, "leaves from 1", leaves, []store.Leaf{
			{LogLeaf: protocol.LogLeaf{LogID: log.LogID, RecordID: records[1].RecordID}, RegistryIndex: 3, Log: log.ID, Position: 1},
			{LogLeaf: protocol.LogLeaf{LogID: log.LogID, RecordID: records[2].RecordID}, RegistryIndex: 4, Log: log.ID, Position: 2}})
		_, missing = tx.Leaf(1)
		notFound(t, "leaf that is not there", missing)
		for length, want := range map[uint64]bool{3: false, 4: true} {
			got, err := tx.PublishedBelow(log.ID, 1, length)
			equal(t, fmt.Sprint("published below ", length), got, want)
			err5 = errors.Join(err5, err)
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
}

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

func testTransactions(t *testing.T, db *store.DB) {
	boom := errors.New("boom")
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		return errors.Join(tx.SetMeta("undone", []byte{1}), boom)
	})
	if !errors.Is(err, boom) {
		t.Errorf("error of a transaction: %v", err)
	}
	// A view sees the database as it was when it first looked.
	view(t, db, func(tx *store.Tx) error {
		_, err := tx.Meta("undone")
		notFound(t, "undone change", err)
		update(t, db, func(tx *store.Tx) error { return tx.SetMeta("later", []byte{1}) })
		_, err = tx.Meta("later")
		notFound(t, "change made meanwhile", err)
		return nil
	})
	ended, end := context.WithCancel(context.Background())
	end()
	if err := db.Update(ended, func(*store.Tx) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update with a context that has ended: %v", err)
	}
}

func testGrouping(t *testing.T, db *store.DB) {
	const callers = 64
	boom := errors.New("boom")
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%16 == 2 {
				cancel()
			}
			errs[i] = db.UpdateGrouped(ctx, func(tx *store.Tx) error {
				if err := tx.SetMeta(fmt.Sprint("caller ", i), []byte{1}); err != nil {
					return err
				}
				if i%16 == 1 {
					return boom
				}
				return nil
			})
		})
	}
	wg.Wait()
	view(t, db, func(tx *store.Tx) error {
		for i, err := range errs {
			_, missing := tx.Meta(fmt.Sprint("caller ", i))
			switch i % 16 {
			case 1:
				if !errors.Is(err, boom) {
					t.Errorf("caller %d: %v, want its own error", i, err)
				}
				notFound(t, "what a failing caller wrote", missing)
			case 2:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("caller %d: %v, want that it was cancelled", i, err)
				}
				notFound(t, "what a cancelled caller wrote", missing)
			default:
				if err = errors.Join(err, missing); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
		}
		return nil
	})
}
