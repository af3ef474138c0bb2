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

// testGroupingByLog begins and continues logs from everywhere, in groups: each
// row belongs to the right record, whatever else was in the group.
func testGroupingByLog(t *testing.T, dbs []*store.DB) {
	const workers, logs, shared = 8, 6, 4 // logs of each worker, and of all
	name := func(worker, i int) string {
		if i%2 == 0 {
			return fmt.Sprint("shared:", i/2%shared)
		}
		return fmt.Sprintf("worker%d:%d", worker, i)
	}
	together(dbs, workers, func(db *store.DB, worker int) {
		for i := range 2 * logs {
			err := db.UpdateLogGrouped(context.Background(), hash(name(worker, i)), func(tx *store.Tx) error {
				return acceptRelease(tx, name(worker, i))
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	view(t, dbs[0], func(tx *store.Tx) error {
		ready, err := tx.Ready(10_000)
		if err != nil {
			return err
		}
		equal(t, "ready records", len(ready), len(dbs)*workers*logs+shared)
		return nil
	})
	for worker := range len(dbs) * workers {
		for i := range 2 * logs {
			view(t, dbs[0], func(tx *store.Tx) error { return checkReleases(t, tx, name(worker, i)) })
		}
	}
}

// acceptRelease stores a record that releases a version and waits for its
// content. Of a new log it reads nothing that it has written.
func acceptRelease(tx *store.Tx, name string) error {
	log, err := tx.Log(hash(name))
	fresh := errors.Is(err, store.ErrNotFound)
	if err != nil && !fresh {
		return err
	}
	position := log.Length
	put := tx.UpdateLog
	if fresh {
		log = store.Log{LogID: hash(name), Name: name, State: []byte{1}}
		put = func(store.Log) error { return tx.InsertLog(&log) }
	}
	log.Length++
	if err := put(log); err != nil {
		return err
	}
	r := store.Record{
		Log: log.ID, RecordID: hash(fmt.Sprint(name, position)), Position: &position, State: store.Processing,
		AcceptedAt: time.Unix(1, 0), Envelope: []byte{1},
	}
	if err := tx.InsertRecord(&r); err != nil {
		return err
	}
	content := hash(fmt.Sprint(name, " content ", log.Length))
	release := store.Release{Version: fmt.Sprint(log.Length), Content: content.String(), Released: position}
	if err := errors.Join(tx.AddMissing(r.ID, content), tx.InsertRelease(log.ID, release)); err != nil || position > 0 {
		return err
	}
	return tx.MarkReady(r.ID)
}

func checkReleases(t *testing.T, tx *store.Tx, name string) error {
	t.Helper()
	log, err := tx.Log(hash(name))
	if err != nil {
		return err
	}
	records, err := tx.RecordsFrom(log.ID, 0)
	if err != nil {
		return err
	}
	equal(t, name+": records", uint64(len(records)), log.Length)
	for i, r := range records {
		equal(t, name+": record id", r.RecordID, hash(fmt.Sprint(name, i)))
		content := hash(fmt.Sprint(name, " content ", i+1))
		missing, err := tx.Missing(r.ID)
		if err != nil {
			return err
		}
		equal(t, name+": missing", missing, []protocol.Hash{content})
		release, err := tx.Release(log.ID, fmt.Sprint(i+1))
		if err != nil {
			return err
		}
		equal(t, name+": release", release, store.Release{Version: fmt.Sprint(i + 1), Content: content.String(), Released: uint64(i)})
	}
	return nil
}
