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

	// Of the records of a, one is published, the next is ready, one waits for two
	// contents. b waits for content from its first record on: what stands behind
	// it cannot be published.
	_, a := newLog(t, db, "a:a", 4)
	_, b := newLog(t, db, "b:b", 2)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(
			tx.MarkReady(a[0].ID), publish(tx, a[0], 0), tx.MarkReady(a[1].ID),
			tx.SetState(a[3].ID, store.Sourcing), tx.AddMissing(a[3].ID, hash("x")), tx.AddMissing(a[3].ID, hash("y")),
			tx.SetState(b[0].ID, store.Sourcing), tx.AddMissing(b[0].ID, hash("x")))
	})
	stats("two of a", store.QueueStats{Complete: 2, Oldest: a[1].AcceptedAt, Incomplete: 2})

	_, c := newLog(t, db, "c:c", 1)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.MarkReady(c[0].ID), tx.ContentArrived(a[3].ID, hash("x")), tx.ContentArrived(b[0].ID, hash("x")), tx.SetState(b[0].ID, store.Processing), tx.MarkReady(b[0].ID))
	})
	stats("and b and c", store.QueueStats{Complete: 5, Oldest: a[1].AcceptedAt, Incomplete: 1})

	update(t, db, func(tx *store.Tx) error {
		return errors.Join(publish(tx, a[1], 1), tx.MarkReady(a[2].ID), publish(tx, a[2], 2), publish(tx, b[0], 3), publish(tx, b[1], 4))
	})
	stats("c", store.QueueStats{Complete: 1, Oldest: time.Unix(1000, 0), Incomplete: 1})
	update(t, db, func(tx *store.Tx) error { return errors.Join(publish(tx, c[0], 5), tx.ForgetMissing(a[3].ID)) })
	stats("empty again", store.QueueStats{})
}
