package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// together runs f in each process, in as many goroutines as given.
func together(dbs []*store.DB, each int, f func(db *store.DB, worker int)) {
	var wg sync.WaitGroup
	for i := range len(dbs) * each {
		wg.Go(func() { f(dbs[i%len(dbs)], i) })
	}
	wg.Wait()
}

// testOneLog appends to one new log from everywhere: no change is lost, and one
// of them makes the log.
func testOneLog(t *testing.T, dbs []*store.DB) {
	const workers, each = 4, 10
	together(dbs, workers, func(db *store.DB, _ int) {
		for range each {
			if err := db.Update(context.Background(), func(tx *store.Tx) error { return accept(tx, "a:b") }); err != nil {
				t.Error(err)
			}
		}
	})
	view(t, dbs[0], func(tx *store.Tx) error {
		log, err := tx.Log(hash("a:b"))
		equal(t, "records", log.Length, uint64(len(dbs)*workers*each))
		return err
	})
}

// testAdvancing has everybody move the length on at once: each step is taken by
// one of them.
func testAdvancing(t *testing.T, dbs []*store.DB) {
	const steps = 20
	for from := range uint64(steps) {
		errs := make([]error, 2*len(dbs))
		together(dbs, 2, func(db *store.DB, worker int) {
			errs[worker] = db.Update(context.Background(), func(tx *store.Tx) error {
				return errors.Join(tx.ReplaceNewestLength(from, from+1), tx.SetMeta(fmt.Sprint("step ", from), []byte{byte(worker)}))
			})
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrSuperseded) {
				t.Errorf("advance from %d: %v", from, err)
			}
		}
		equal(t, fmt.Sprint("who advanced from ", from), won, 1)
	}
}

// testMetaOnce has everybody store a fact that is not there, such as the id of
// a tree that each has made: all end with the same one.
func testMetaOnce(t *testing.T, dbs []*store.DB) {
	seen := make([]byte, 3*len(dbs))
	together(dbs, 3, func(db *store.DB, worker int) {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			value, err := tx.Meta("tree")
			if errors.Is(err, store.ErrNotFound) {
				value = []byte{byte(1 + worker)}
				err = tx.SetMeta("tree", value)
			}
			if err == nil {
				seen[worker] = value[0]
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	for _, s := range seen {
		equal(t, "fact", s, seen[0])
	}
}

// testWaitsForPublishing has a record accepted while the one before it is being
// published: whoever accepts waits, and sees it published, whatever it read
// before the wait.
func testWaitsForPublishing(t *testing.T, dbs []*store.DB, blocked func()) {
	update(t, dbs[0], func(tx *store.Tx) error { return accept(tx, "a:b") })
	leaf := protocol.LogLeaf{LogID: hash("a:b"), RecordID: hash("a:b0")}
	var accepting sync.WaitGroup
	update(t, dbs[0], func(tx *store.Tx) error {
		if err := publish(tx, 0, []protocol.LogLeaf{leaf}); err != nil {
			return err
		}
		accepting.Go(func() {
			update(t, dbs[1], func(tx *store.Tx) error {
				if _, err := tx.Ready(1); err != nil {
					return err
				}
				return accept(tx, "a:b")
			})
		})
		blocked()
		return nil
	})
	accepting.Wait()
	equal(t, "published behind", publishReady(t, dbs[0], 1), 1)
}

// testWaitsForAccepting is the other way round: whoever publishes waits, and
// sees the record that was accepted.
func testWaitsForAccepting(t *testing.T, dbs []*store.DB, blocked func()) {
	update(t, dbs[0], func(tx *store.Tx) error { return accept(tx, "a:b") })
	leaf := protocol.LogLeaf{LogID: hash("a:b"), RecordID: hash("a:b0")}
	var publishing sync.WaitGroup
	update(t, dbs[0], func(tx *store.Tx) error {
		if err := accept(tx, "a:b"); err != nil {
			return err
		}
		publishing.Go(func() {
			update(t, dbs[1], func(tx *store.Tx) error {
				if _, err := tx.Ready(1); err != nil {
					return err
				}
				return publish(tx, 0, []protocol.LogLeaf{leaf})
			})
		})
		blocked()
		return nil
	})
	publishing.Wait()
	equal(t, "published behind", publishReady(t, dbs[0], 1), 1)
}

// testPublishingWaitsForNoOther publishes a record while another transaction
// that is not at its end has accepted records of other logs.
func testPublishingWaitsForNoOther(t *testing.T, dbs []*store.DB) {
	if dbs[0] == dbs[1] {
		t.Skip("one transaction writes at a time")
	}
	const logs = 20
	var leaves []protocol.LogLeaf
	update(t, dbs[0], func(tx *store.Tx) error {
		leaves = nil
		for l := range logs {
			name := fmt.Sprint("a:b", l)
			if err := accept(tx, name); err != nil {
				return err
			}
			leaves = append(leaves, protocol.LogLeaf{LogID: hash(name), RecordID: hash(name + "0")})
		}
		return nil
	})
	update(t, dbs[0], func(tx *store.Tx) error {
		if err := accept(tx, "c:d"); err != nil {
			return err
		}
		published := make(chan error, 1)
		go func() {
			published <- dbs[1].Update(context.Background(), func(tx *store.Tx) error { return publish(tx, 0, leaves) })
		}()
		select {
		case err := <-published:
			return err
		case <-time.After(2 * time.Second):
			t.Error("publishing waits for a transaction that has accepted a record of another log")
			return nil
		}
	})
}

// testPublishingBeside accepts records in some processes while another one
// publishes: in the end each is published, so no record was left for the other
// to make ready.
func testPublishingBeside(t *testing.T, dbs []*store.DB) {
	const logs, each = 8, 20
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		together(dbs[1:], 4, func(db *store.DB, worker int) {
			for i := range each {
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					return accept(tx, fmt.Sprint("a:b", (worker+i)%logs))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}()
	index := uint64(0)
	for done := false; !done; {
		select {
		case <-accepting:
			done = true // and once more, for what came meanwhile
		default:
		}
		for n := -1; n != 0; index += uint64(n) {
			n = publishReady(t, dbs[0], index)
		}
	}
	equal(t, "published", index, uint64(len(dbs[1:])*4*each))
}

// publishReady publishes what is ready, from an index of the records log on,
// and returns how much that was.
func publishReady(t *testing.T, db *store.DB, index uint64) int {
	var leaves []protocol.LogLeaf
	view(t, db, func(tx *store.Tx) error {
		leaves = nil
		ready, err := tx.Ready(100)
		if err != nil {
			return err
		}
		pending, err := tx.Pending(ready)
		for _, p := range pending {
			leaves = append(leaves, p.Leaf)
		}
		return err
	})
	update(t, db, func(tx *store.Tx) error { return publish(tx, index, leaves) })
	return len(leaves)
}

func publish(tx *store.Tx, index uint64, leaves []protocol.LogLeaf) error {
	records, err := tx.Sequenced(leaves)
	if err != nil {
		return err
	}
	var placements []store.Placement
	var successors []store.Place
	for i, leaf := range leaves {
		s := records[leaf]
		placements = append(placements, store.Placement{Record: s.Record, RegistryIndex: index + uint64(i)})
		if !s.Last {
			successors = append(successors, store.Place{Log: s.Log, Position: s.Position + 1})
		}
	}
	if err := tx.Publish(placements); err != nil {
		return err
	}
	complete, err := tx.Complete(successors)
	if err != nil {
		return err
	}
	return tx.MarkReady(complete...)
}

// testTwoIntegrations has two processes publish the same records at once: one
// does, the other is superseded, and neither gets in the way of who accepts.
func testTwoIntegrations(t *testing.T, dbs []*store.DB) {
	const logs, rounds = 50, 10
	length := uint64(0)
	for range rounds {
		var leaves []protocol.LogLeaf
		update(t, dbs[2], func(tx *store.Tx) error {
			leaves = nil
			for l := range logs {
				name := fmt.Sprint("a:b", l)
				if err := accept(tx, name); err != nil {
					return err
				}
				log, err := tx.Log(hash(name))
				if err != nil {
					return err
				}
				leaves = append(leaves, protocol.LogLeaf{LogID: hash(name), RecordID: hash(fmt.Sprint(name, log.Length-1))})
			}
			return nil
		})
		errs := make([]error, 2)
		together(dbs[:2], 1, func(db *store.DB, worker int) {
			errs[worker] = db.Update(context.Background(), func(tx *store.Tx) error {
				if err := tx.ReplaceNewestLength(length, length+logs); err != nil {
					return err
				}
				return publish(tx, length, leaves)
			})
		})
		if superseded := errors.Join(errs...); (errs[0] == nil) == (errs[1] == nil) || !errors.Is(superseded, store.ErrSuperseded) {
			t.Errorf("integration of the same records by two: %v", errs)
		}
		length += logs
	}
}

// testManyLogs has transactions of several processes change many logs each: they
// lock them in one order, so that none is locked out for good.
func testManyLogs(t *testing.T, dbs []*store.DB) {
	const logs, workers, each = 12, 8, 10
	name := func(l int) string { return fmt.Sprint("a:b", l%logs) }
	together(dbs, workers, func(db *store.DB, worker int) {
		for i := range each {
			err := db.Update(context.Background(), func(tx *store.Tx) error {
				ids := []protocol.Hash{hash(name(worker + i)), hash(name(worker * i)), hash(name(worker + 5*i))}
				found, err := tx.Logs(ids)
				if err != nil {
					return err
				}
				var changes store.Changes
				for _, l := range []int{worker + i, worker * i, worker + 5*i} {
					id := hash(name(l))
					if found[id] == nil {
						found[id] = &store.Log{LogID: id, Name: name(l), State: []byte{1}}
					}
					log := found[id]
					if !slices.Contains(changes.Logs, log) {
						changes.Logs = append(changes.Logs, log)
					}
					changes.Records = append(changes.Records, &store.RecordChange{
						Log: log, RecordID: hash(fmt.Sprint(name(l), log.Length)), State: store.Processing, Position: log.Length, Envelope: []byte{1}, At: time.Unix(1, 0),
					})
					changes.Releases = append(changes.Releases, store.NewRelease{Log: log, Version: fmt.Sprint(log.Length), Content: name(l), Released: log.Length})
					log.Length++
				}
				return tx.Apply(&changes)
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	total := uint64(0)
	for l := range logs {
		view(t, dbs[0], func(tx *store.Tx) error {
			log, err := tx.Log(hash(name(l)))
			total += log.Length
			for position := range log.Length {
				record, err := tx.RecordAt(log.ID, position)
				if err != nil {
					return err
				}
				equal(t, "record id", record.RecordID, hash(fmt.Sprint(name(l), position)))
				release, err := tx.Releases([]store.ReleaseKey{{Log: log.ID, Version: fmt.Sprint(position)}})
				if err != nil {
					return err
				}
				equal(t, "release", release, []store.Release{{ReleaseKey: store.ReleaseKey{Log: log.ID, Version: fmt.Sprint(position)}, Content: name(l), Released: position}})
			}
			return err
		})
	}
	equal(t, "accepted", total, uint64(3*len(dbs)*workers*each))
}
