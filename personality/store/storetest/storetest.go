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
// several times if only one process may have the database open.
func Run(t *testing.T, open func(t *testing.T, processes int) []*store.DB) {
	for name, test := range map[string]func(*testing.T, *store.DB){
		"logs":         testLogs,
		"releases":     testReleases,
		"records":      testRecords,
		"content":      testContent,
		"sequencing":   testSequencing,
		"queue":        testQueue,
		"batches":      testBatches,
		"reading":      testReading,
		"checkpoints":  testCheckpoints,
		"tiles":        testTiles,
		"transactions": testTransactions,
		"failures":     testFailures,
		"grouping":     testGrouping,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, 1)[0]) })
	}
	for name, test := range map[string]func(*testing.T, []*store.DB){
		"one log":                       testOneLog,
		"advancing":                     testAdvancing,
		"meta once":                     testMetaOnce,
		"waits for publishing":          testWaitsForPublishing,
		"waits for accepting":           testWaitsForAccepting,
		"publishing waits for no other": testPublishingWaitsForNoOther,
		"publishing beside":             testPublishingBeside,
		"grouping in processes":         testGroupingInProcesses,
		"grouping by log":               testGroupingByLog,
		"two integrations":              testTwoIntegrations,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, 3)) })
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
