package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

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
		return errors.Join(err, err2, err3, tx.ContentArrived(records[0].ID, x))
	})
	update(t, db, func(tx *store.Tx) error {
		missing, err := tx.Missing(records[0].ID)
		equal(t, "missing after x arrived", missing, []protocol.Hash{y})
		waiting, err2 := tx.WaitingFor(x)
		if len(waiting) != 1 || waiting[0].ID != records[1].ID {
			t.Errorf("waiting for x after it arrived for one: %+v", waiting)
		}
		return errors.Join(err, err2, tx.ForgetMissing(records[0].ID))
	})
	view(t, db, func(tx *store.Tx) error {
		waiting, err := tx.WaitingFor(y)
		equal(t, "waiting for y", len(waiting), 0)
		return err
	})
}
