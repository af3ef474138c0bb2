package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// addLog adds a log with a record that is accepted and ready, and one that waits
// behind it for a content.
func addLog(c *store.Changes, l int) {
	name := fmt.Sprint("many:", l)
	log := &store.Log{LogID: hash(name), Name: name, Length: 1, State: []byte(name), Waiting: 1}
	first := &store.RecordChange{Log: log, RecordID: hash(name + " first"), State: store.Processing, Ready: true, At: time.Unix(1, 0), Envelope: make([]byte, 1+l*10)}
	second := waitingChange(log, name+" second", first.RecordID.Any(), name)
	c.Logs = append(c.Logs, log)
	c.Records = append(c.Records, first, second)
	c.Releases = append(c.Releases, store.NewRelease{Log: log, Version: "1.0.0", Content: hash(name).String()})
}

// waitingChange is a record that waits for contents, of which those whose text
// begins with "here" are here.
func waitingChange(log *store.Log, name string, prev protocol.AnyHash, contents ...string) *store.RecordChange {
	c := &store.RecordChange{Log: log, RecordID: hash(name), State: store.Waiting, At: time.Unix(2000, 0), Envelope: []byte("envelope " + name), Prev: prev, KeyID: "key", Entries: 3}
	for _, text := range contents {
		c.Contents = append(c.Contents, hash(text))
		if len(text) > 4 && text[:4] == "here" {
			c.Arrived = append(c.Arrived, hash(text))
		} else {
			c.Missing++
		}
	}
	return c
}

// wait stores a record that waits beside a log.
func wait(tx *store.Tx, logName, name string, contents ...string) error {
	log, err := lockLog(tx, logName)
	if err != nil {
		return err
	}
	log.Waiting++
	return tx.Apply(&store.Changes{Logs: []*store.Log{log}, Records: []*store.RecordChange{waitingChange(log, name, "", contents...)}})
}

// endWaiting ends the waiting of all that waits beside a log.
func endWaiting(tx *store.Tx, log int64, state store.RecordState) error {
	all, err := tx.WaitingIn([]int64{log})
	var changes store.Changes
	for i, w := range all {
		changes.Records = append(changes.Records, &store.RecordChange{ID: w.ID, State: state, Position: uint64(10 + i), Reason: "why", At: time.Unix(3000, 0)})
	}
	return errors.Join(err, tx.Apply(&changes))
}

func testWaiting(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(wait(tx, "a:b", "one", "x", "here y"), wait(tx, "c:d", "two", "x", "z"), wait(tx, "c:d", "three"))
	})
	var ids []int64
	view(t, db, func(tx *store.Tx) error {
		logs, err := tx.Logs([]protocol.Hash{hash("a:b"), hash("c:d")})
		if err != nil {
			return err
		}
		equal(t, "count beside a log", logs[hash("c:d")].Waiting, 2)
		all, err := tx.WaitingIn([]int64{logs[hash("a:b")].ID, logs[hash("c:d")].ID})
		ids = nil
		for i, want := range []struct {
			name    string
			missing int
		}{{"one", 1}, {"two", 2}, {"three", 0}} {
			w := all[i]
			ids = append(ids, w.ID)
			equal(t, want.name, w, store.WaitingRecord{
				ID: w.ID, Log: w.Log, RecordID: hash(want.name), Missing: want.missing, Signer: store.WaitingClientOf("key"), Entries: 3, Bytes: int64(len("envelope " + want.name)), ActiveAt: time.Unix(2000, 0),
			})
		}
		contents, err2 := tx.Contents(ids[0])
		equal(t, "contents", contents, map[protocol.Hash]bool{hash("x"): true, hash("here y"): false})
		places, err3 := tx.WaitingFor(hash("x"), 10)
		equal(t, "waiting for x", places, []store.WaitingPlace{{Record: ids[0], LogID: hash("a:b")}, {Record: ids[1], LogID: hash("c:d")}})
		total, err4 := tx.WaitingTotal()
		equal(t, "total", total, store.WaitingTotal{Records: 3, Bytes: int64(3*len("envelope ") + len("onetwothree"))})
		of, err5 := tx.WaitingOf("key")
		equal(t, "of the key", of, total)
		none, err6 := tx.WaitingOf("another key")
		equal(t, "of another key", none, store.WaitingTotal{})
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
	update(t, db, func(tx *store.Tx) error { return tx.Active(ids[1], time.Unix(5000, 0)) })
	view(t, db, func(tx *store.Tx) error {
		late, err := tx.InactiveSince(time.Unix(2001, 0), 10)
		equal(t, "inactive, with content missing", late, []store.WaitingPlace{{Record: ids[0], LogID: hash("a:b")}})
		early, err2 := tx.InactiveSince(time.Unix(2000, 0), 10)
		equal(t, "inactive since before they came", len(early), 0)
		return errors.Join(err, err2)
	})
	update(t, db, func(tx *store.Tx) error {
		return tx.Apply(&store.Changes{Records: []*store.RecordChange{
			{ID: ids[0], State: store.Waiting, Arrived: []protocol.Hash{hash("x")}, At: time.Unix(6000, 0)},
			{ID: ids[2], State: store.Processing, Position: 4, Ready: true},
		}})
	})
	view(t, db, func(tx *store.Tx) error {
		places, err := tx.WaitingFor(hash("x"), 10)
		equal(t, "waiting for x after it came for one", places, []store.WaitingPlace{{Record: ids[1], LogID: hash("c:d")}})
		entered, err2 := tx.RecordByID(ids[2])
		equal(t, "entered", []any{entered.State, *entered.Position}, []any{store.Processing, uint64(4)})
		ready, err3 := tx.Ready(5)
		equal(t, "ready", ready, []int64{ids[2]})
		total, err4 := tx.WaitingTotal()
		equal(t, "still waiting", total.Records, int64(2))
		return errors.Join(err, err2, err3, err4)
	})
}

// testRejected rejects what waits, and forgets it.
func testRejected(t *testing.T, db *store.DB) {
	kept, _ := newLog(t, db, "kept:log", 1)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(wait(tx, "a:b", "one", "x"), wait(tx, "kept:log", "two", "x"))
	})
	var log store.Log
	update(t, db, func(tx *store.Tx) (err error) {
		if log, err = tx.Log(hash("a:b")); err != nil {
			return err
		}
		return errors.Join(endWaiting(tx, log.ID, store.Rejected), endWaiting(tx, kept.ID, store.Rejected))
	})
	log.Waiting = 0
	update(t, db, func(tx *store.Tx) error {
		one, err := tx.Record(log.ID, hash("one"))
		equal(t, "rejected", []any{one.State, one.Reason, one.Position == nil}, []any{store.Rejected, "why", true})
		named, err2 := tx.NamedContents([]protocol.Hash{hash("x")})
		equal(t, "named by what was rejected", len(named), 0)
		none, err3 := tx.RejectedBefore(time.Unix(3000, 0), 10)
		equal(t, "rejected before", len(none), 0)
		old, err4 := tx.RejectedBefore(time.Unix(3001, 0), 10)
		equal(t, "rejected until", len(old), 2)
		return errors.Join(err, err2, err3, err4, tx.ForgetRejected(old[0].Record, log), tx.ForgetRejected(old[1].Record, kept))
	})
	view(t, db, func(tx *store.Tx) error {
		_, missing := tx.Log(log.LogID)
		notFound(t, "a log of which nothing is left", missing)
		_, missing = tx.Record(kept.ID, hash("two"))
		notFound(t, "a forgotten record", missing)
		_, err := tx.Log(kept.LogID)
		old, err2 := tx.RejectedBefore(time.Unix(9000, 0), 10)
		equal(t, "left to forget", len(old), 0)
		return errors.Join(err, err2)
	})
}

func testContent(t *testing.T, db *store.DB) {
	x, y, z := hash("x"), hash("y"), hash("z")
	log, _ := newLog(t, db, "a:b", 1)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(
			tx.Apply(&store.Changes{Releases: []store.NewRelease{{Log: &log, Version: "1.0.0", Content: x.String()}}}),
			wait(tx, "c:d", "one", "y"), tx.AddArrived(y), tx.AddArrived(y), tx.AddArrived(z),
			tx.RefuseContent(z, "bad", time.Unix(10, 0)), tx.RefuseContent(z, "worse", time.Unix(11, 0)), tx.RefuseContent(y, "new", time.Unix(20, 0)))
	})
	update(t, db, func(tx *store.Tx) error {
		named, err := tx.NamedContents([]protocol.Hash{x, y, z})
		equal(t, "named", named, map[protocol.Hash]bool{x: true, y: true})
		arrived, err2 := tx.Arrived(10)
		equal(t, "arrived", len(arrived), 2)
		reason, err3 := tx.RefusedContent(z)
		equal(t, "refused", reason, "bad")
		_, missing := tx.RefusedContent(x)
		notFound(t, "not refused", missing)
		return errors.Join(err, err2, err3, tx.ForgetArrived(y), tx.ForgetRefused(time.Unix(20, 0)))
	})
	view(t, db, func(tx *store.Tx) error {
		arrived, err := tx.Arrived(10)
		equal(t, "arrived", arrived, []protocol.Hash{z})
		_, missing := tx.RefusedContent(z)
		notFound(t, "refused long ago", missing)
		_, err2 := tx.RefusedContent(y)
		return errors.Join(err, err2)
	})
}
