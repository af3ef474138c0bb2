package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func testLogs(t *testing.T, db *store.DB) {
	log, _ := newLog(t, db, "a:b", 2)
	other, _ := newLog(t, db, "c:d", 1)
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Log(hash("other"))
		notFound(t, "unknown log", err)
		got, err := tx.Log(log.LogID)
		equal(t, "log", got, log)
		both, err2 := tx.Logs([]protocol.Hash{other.LogID, hash("other"), log.LogID, other.LogID})
		equal(t, "logs that are there", len(both), 2)
		equal(t, "one of several", *both[other.LogID], other)
		log.Length, log.State, log.Waiting = 7, []byte("after"), 3
		other.Length, other.State = 8, []byte{}
		return errors.Join(err, err2, tx.Apply(&store.Changes{Logs: []*store.Log{&log, &other}}))
	})
	view(t, db, func(tx *store.Tx) error {
		for _, want := range []store.Log{log, other} {
			got, err := tx.Log(want.LogID)
			equal(t, "updated log", got, want)
			if err != nil {
				return err
			}
		}
		_, missing := tx.Meta("x")
		notFound(t, "unset meta", missing)
		return nil
	})
	update(t, db, func(tx *store.Tx) error { return tx.SetMeta("x", []byte{1}) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.Meta("x")
		equal(t, "meta", got, []byte{1})
		return err
	})
	again := &store.Log{LogID: log.LogID, State: []byte{}}
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.Apply(&store.Changes{Logs: []*store.Log{again}}) }); err == nil {
		t.Error("a log id was stored twice")
	}
}

func testReleases(t *testing.T, db *store.DB) {
	log, _ := newLog(t, db, "a:b", 4)
	x, y := hash("x"), hash("y")
	update(t, db, func(tx *store.Tx) error {
		return tx.Apply(&store.Changes{
			Releases: []store.NewRelease{
				{Log: &log, Version: "1.0.0", Content: x.String(), Released: 0},
				{Log: &log, Version: "1.0.0+B", Content: y.String(), Released: 1},
				{Log: &log, Version: "1.0.0+b", Content: x.String(), Released: 2}, // versions differ by case
			},
			Yanks: []store.NewYank{{Log: &log, Version: "1.0.0", Yanked: 1}, {Log: &log, Version: "1.0.0+B", Yanked: 3}},
		})
	})
	key := func(version string) store.ReleaseKey { return store.ReleaseKey{Log: log.ID, Version: version} }
	one, three := uint64(1), uint64(3)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.Releases([]store.ReleaseKey{key("1.0.0"), key("2.0.0"), key("1.0.0+B"), key("1.0.0+b"), {Log: log.ID + 1, Version: "1.0.0"}})
		byVersion := map[string]store.Release{}
		for _, r := range got {
			byVersion[r.Version] = r
		}
		equal(t, "releases found", len(got), 3)
		for _, want := range []store.Release{
			{ReleaseKey: key("1.0.0"), Content: x.String(), Yanked: &one},
			{ReleaseKey: key("1.0.0+B"), Content: y.String(), Released: 1, Yanked: &three},
			{ReleaseKey: key("1.0.0+b"), Content: x.String(), Released: 2},
		} {
			r := byVersion[want.Version]
			if (r.Yanked == nil) != (want.Yanked == nil) || r.Yanked != nil && *r.Yanked != *want.Yanked {
				t.Errorf("%s: yanked %v, want %v", want.Version, r.Yanked, want.Yanked)
			}
			r.Yanked, want.Yanked = nil, nil
			equal(t, want.Version, r, want)
		}
		return err
	})
	if err := db.Update(context.Background(), func(tx *store.Tx) error {
		return tx.Apply(&store.Changes{Releases: []store.NewRelease{{Log: &log, Version: "1.0.0"}}})
	}); err == nil {
		t.Error("a version was stored twice")
	}
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
	twice := &store.RecordChange{Log: &log, RecordID: records[0].RecordID, State: store.Processing, Position: 9, At: records[0].AcceptedAt, Envelope: []byte{1}}
	insert := func(tx *store.Tx) error {
		twice.ID = 0
		return tx.Apply(&store.Changes{Records: []*store.RecordChange{twice}})
	}
	if err := db.Update(context.Background(), insert); err == nil {
		t.Error("a record was stored twice in one log")
	}
	other, _ := newLog(t, db, "c:d", 0)
	twice.Log = &other
	update(t, db, insert)
	view(t, db, func(tx *store.Tx) error {
		refs, err := tx.RecordsWithIDs([]protocol.Hash{records[0].RecordID, hash("none")})
		equal(t, "records with an id", refs, []store.RecordRef{
			{ID: records[0].ID, Log: log.ID, RecordID: records[0].RecordID, State: store.Processing},
			{ID: twice.ID, Log: other.ID, RecordID: records[0].RecordID, State: store.Processing},
		})
		at, err2 := tx.RecordsAt([]store.Place{{Log: log.ID, Position: 2}, {Log: log.ID, Position: 7}})
		equal(t, "records at places", at, []store.RecordRef{{ID: records[2].ID, Log: log.ID, RecordID: records[2].RecordID, State: store.Processing}})
		return errors.Join(err, err2)
	})
}

// testChanges writes more of everything than a statement of any backend takes:
// each row belongs to the right log and record.
func testChanges(t *testing.T, db *store.DB) {
	const logs = 430
	var changes store.Changes
	update(t, db, func(tx *store.Tx) error {
		changes = store.Changes{}
		for l := range logs {
			addLog(&changes, l)
		}
		return tx.Apply(&changes)
	})
	for l, log := range changes.Logs {
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.Log(log.LogID)
			equal(t, "log", got, *log)
			first, err2 := tx.RecordAt(log.ID, 0)
			equal(t, "first record", first.Envelope, changes.Records[2*l].Envelope)
			waiting, err3 := tx.WaitingIn([]int64{log.ID})
			equal(t, "waiting", len(waiting), 1)
			missing, err4 := tx.Missing(waiting[0].ID)
			equal(t, "missing", missing, []protocol.Hash{hash(log.Name)})
			return errors.Join(err, err2, err3, err4)
		})
	}
	view(t, db, func(tx *store.Tx) error {
		ready, err := tx.Ready(2 * logs)
		equal(t, "ready", len(ready), logs)
		return err
	})
}
