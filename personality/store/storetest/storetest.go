// Package storetest is the conformance test of the registry's database: every
// backend of package store runs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Run tests a backend. open returns a new, empty database as that many processes
// would have it open, each handle closed at the end of the test; the same handle
// several times if only one process may have the database open. blocked returns
// when a transaction waits for another one's lock; it does nothing where one
// transaction writes at a time, since the next one cannot have begun.
func Run(t *testing.T, open func(t *testing.T, processes int) []*store.DB, blocked func()) {
	for name, test := range map[string]func(*testing.T, *store.DB){
		"logs":               testLogs,
		"releases":           testReleases,
		"records":            testRecords,
		"waiting":            testWaiting,
		"rejected":           testRejected,
		"content":            testContent,
		"sequencing":         testSequencing,
		"queue":              testQueue,
		"batches":            testBatches,
		"reading":            testReading,
		"checkpoints":        testCheckpoints,
		"checkpoints log":    testCheckpointsLog,
		"tiles":              testTiles,
		"log tiles":          testLogTiles,
		"notes":              testNotes,
		"witnessed":          testWitnessed,
		"listed proofs":      testListedProofs,
		"fetches":            testFetches,
		"content sources":    testContentSources,
		"statements":         testStatements,
		"logged checkpoints": testLoggedCheckpoints,
		"envelopes":          testEnvelopes,
		"transactions":       testTransactions,
		"failures":           testFailures,
		"changes":            testChanges,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, 1)[0]) })
	}
	for name, test := range map[string]func(*testing.T, []*store.DB){
		"one log":                       testOneLog,
		"advancing":                     testAdvancing,
		"meta once":                     testMetaOnce,
		"publishing waits for no other": testPublishingWaitsForNoOther,
		"publishing beside":             testPublishingBeside,
		"many logs at once":             testManyLogs,
		"two integrations":              testTwoIntegrations,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, 3)) })
	}
	t.Run("waits for publishing", func(t *testing.T) { testWaitsForPublishing(t, open(t, 2), blocked) })
	t.Run("waits for accepting", func(t *testing.T) { testWaitsForAccepting(t, open(t, 2), blocked) })
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

// newLog stores a log with some accepted, complete records, none of them ready.
func newLog(t *testing.T, db *store.DB, name string, length int) (store.Log, []store.Record) {
	t.Helper()
	log := &store.Log{LogID: hash(name), Name: name, Length: uint64(length), State: []byte("state")}
	records := make([]store.Record, length)
	update(t, db, func(tx *store.Tx) error {
		fresh := *log
		log = &fresh
		changes := store.Changes{Logs: []*store.Log{log}}
		for i := range length {
			changes.Records = append(changes.Records, &store.RecordChange{
				Log: log, RecordID: hash(fmt.Sprint(name, i)), State: store.Processing, Position: uint64(i),
				At: time.Unix(1000+int64(i), 0), Envelope: []byte(fmt.Sprint("envelope ", name, i)),
			})
		}
		if err := tx.Apply(&changes); err != nil {
			return err
		}
		for i, c := range changes.Records {
			records[i] = store.Record{ID: c.ID, Log: log.ID, RecordID: c.RecordID, Position: &c.Position, State: c.State, AcceptedAt: c.At, Envelope: c.Envelope}
		}
		return nil
	})
	return *log, records
}

// accept stores one more complete record of a log, and makes it ready if the one
// before it is published.
func accept(tx *store.Tx, name string) error {
	log, err := lockLog(tx, name)
	if err != nil {
		return err
	}
	ready := log.Length == 0
	if !ready {
		before, err := tx.RecordsAt([]store.Place{{Log: log.ID, Position: log.Length - 1}})
		if err != nil {
			return err
		}
		ready = before[0].State == store.Published
	}
	record := &store.RecordChange{
		Log: log, RecordID: hash(fmt.Sprint(name, log.Length)), State: store.Processing, Position: log.Length, Ready: ready,
		At: time.Unix(1, 0), Envelope: []byte{1},
	}
	log.Length++
	return tx.Apply(&store.Changes{Logs: []*store.Log{log}, Records: []*store.RecordChange{record}})
}

// lockLog returns a log, or a new one if it is not there.
func lockLog(tx *store.Tx, name string) (*store.Log, error) {
	logs, err := tx.Logs([]protocol.Hash{hash(name)})
	if log := logs[hash(name)]; log != nil {
		return log, err
	}
	return &store.Log{LogID: hash(name), Name: name, State: []byte{1}}, err
}
