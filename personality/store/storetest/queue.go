package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

func testQueue(t *testing.T, db *store.DB) {
	publish := func(tx *store.Tx, r store.Record, index uint64) error {
		return tx.Publish([]store.Placement{{Record: r.ID, RegistryIndex: index}})
	}
	stats := func(what string, want store.QueueStats) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.QueueStats()
			equal(t, what, got, want)
			return err
		})
	}
	stats("empty", store.QueueStats{})

	// Of the records of a, one is published, the next is ready. One waits beside
	// b.
	_, a := newLog(t, db, "a:a", 3)
	b, records := newLog(t, db, "b:b", 1)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.MarkReady(a[0].ID), publish(tx, a[0], 0), tx.MarkReady(a[1].ID), tx.MarkReady(records[0].ID), wait(tx, "b:b", "w", "x"))
	})
	waiting := store.WaitingTotal{Records: 1, Bytes: int64(len("envelope w"))}
	stats("two of a, one of b", store.QueueStats{Complete: 3, Oldest: a[1].AcceptedAt, Waiting: waiting})

	update(t, db, func(tx *store.Tx) error {
		return errors.Join(publish(tx, a[1], 1), tx.MarkReady(a[2].ID), publish(tx, a[2], 2))
	})
	stats("one of b", store.QueueStats{Complete: 1, Oldest: time.Unix(1000, 0), Waiting: waiting})
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(publish(tx, records[0], 3), endWaiting(tx, b.ID, store.Rejected))
	})
	stats("empty again", store.QueueStats{})
}
