package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// waitFor stores a record that waits for contents, posted by a client.
func waitFor(t *testing.T, db *store.DB, name, client string, digests ...protocol.Hash) int64 {
	t.Helper()
	var change *store.RecordChange
	update(t, db, func(tx *store.Tx) error {
		log, err := lockLog(tx, name)
		if err != nil {
			return err
		}
		log.Waiting++
		change = &store.RecordChange{Log: log, RecordID: hash(name), State: store.Waiting, At: time.Unix(1, 0), Envelope: []byte{1}, Client: client, Contents: digests, Missing: len(digests)}
		return tx.Apply(&store.Changes{Logs: []*store.Log{log}, Records: []*store.RecordChange{change}})
	})
	return change.ID
}

// testFetches: of each content that is to be fetched one process has it at a time, until
// it is done, fails, or is silent for too long.
func testFetches(t *testing.T, db *store.DB) {
	now := time.Unix(1000, 0)
	one, two := waitFor(t, db, "a:one", "client", hash("1")), waitFor(t, db, "a:two", "other", hash("1"), hash("2"))
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.AddFetch(one, hash("1"), []string{"https://a/1", "https://b/1"}), tx.AddFetch(one, hash("1"), []string{"later"}), tx.AddFetch(two, hash("2"), []string{"https://a/2"}))
	})
	first := store.Fetch{Record: one, LogID: hash("a:one"), RecordID: hash("a:one"), Digest: hash("1"), Client: store.WaitingClientOf("client"), Sources: []string{"https://a/1", "https://b/1"}}
	second := store.Fetch{Record: two, LogID: hash("a:two"), RecordID: hash("a:two"), Digest: hash("2"), Client: store.WaitingClientOf("other"), Sources: []string{"https://a/2"}}
	next := func(what string, at time.Time, busy []store.WaitingClient, want *store.Fetch) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.NextFetch(at, busy)
			if want == nil {
				notFound(t, what, err)
				return nil
			}
			equal(t, what, got, *want)
			return err
		})
	}
	take := func(what string, f store.Fetch, at time.Time, want bool) {
		t.Helper()
		update(t, db, func(tx *store.Tx) error {
			taken, err := tx.TakeFetch(f, at, at.Add(time.Second))
			equal(t, what, taken, want)
			return err
		})
	}
	next("the oldest", now, nil, &first)
	next("of others", now, []store.WaitingClient{first.Client}, &second)
	next("of nobody", now, []store.WaitingClient{first.Client, second.Client}, nil)
	view(t, db, func(tx *store.Tx) error {
		client, all, err := tx.CountFetches(first.Client)
		equal(t, "counted", []int{client, all}, []int{1, 2})
		return err
	})
	take("once", first, now, true)
	take("again", first, now, false)
	next("while the first is fetched", now, nil, &second)
	first.Tries = 1
	next("when its process is silent", now.Add(time.Second), nil, &first)
	update(t, db, func(tx *store.Tx) error { return tx.KeepFetch(first, now.Add(time.Minute)) })
	next("when it is not", now.Add(time.Second), nil, &second)

	update(t, db, func(tx *store.Tx) error { return tx.FailFetch(second, "it is away") })
	next("when one failed", now, nil, nil)
	update(t, db, func(tx *store.Tx) error { return tx.FailFetches(now, "not any more") })
	view(t, db, func(tx *store.Tx) error {
		ofOne, err := tx.FetchesOf(one)
		ofTwo, err2 := tx.FetchesOf(two)
		equal(t, "of the first", ofOne, map[protocol.Hash]string{hash("1"): ""})
		equal(t, "of the second", ofTwo, map[protocol.Hash]string{hash("2"): "it is away"})
		return errors.Join(err, err2)
	})
	update(t, db, func(tx *store.Tx) error { return tx.AddFetch(two, hash("2"), []string{"https://c/2"}) })
	second.Sources = []string{"https://c/2"}
	next("when it is posted again", now, nil, &second)
	update(t, db, func(tx *store.Tx) error { return tx.FailFetches(now, "not any more") })
	next("when nothing is fetched", now, nil, nil)

	update(t, db, func(tx *store.Tx) error { return tx.EndFetch(first) })
	update(t, db, func(tx *store.Tx) error {
		n, err := tx.ForgetFetches(10)
		equal(t, "of records that wait", n, 0)
		err2 := tx.AddFetch(12345, hash("1"), []string{"https://a/1"})
		n, err3 := tx.ForgetFetches(10)
		equal(t, "of records that do not", n, 1)
		ended, err4 := tx.FetchesOf(12345)
		equal(t, "then", len(ended), 0)
		return errors.Join(err, err2, err3, err4)
	})
}

// testContentSources: what has a number keeps it, until the content is forgotten.
func testContentSources(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.InsertContentSource(hash("1"), 1, "https://b"), tx.InsertContentSource(hash("1"), 0, "https://a"), tx.InsertContentSource(hash("1"), 0, "https://c"))
	})
	view(t, db, func(tx *store.Tx) error {
		of, err := tx.ContentSources(hash("1"))
		none, err2 := tx.ContentSources(hash("2"))
		equal(t, "sources", of, []string{"https://a", "https://b"})
		equal(t, "of another", len(none), 0)
		return errors.Join(err, err2)
	})
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.InsertContentSource(hash("3"), 0, "https://d"), tx.ForgetContentSources([]protocol.Hash{hash("1"), hash("2")}))
	})
	view(t, db, func(tx *store.Tx) error {
		forgotten, err := tx.ContentSources(hash("1"))
		left, err2 := tx.ContentSources(hash("3"))
		equal(t, "forgotten", len(forgotten), 0)
		equal(t, "left", left, []string{"https://d"})
		return errors.Join(err, err2)
	})
}
