package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func testSequencing(t *testing.T, db *store.DB) {
	log, records := newLog(t, db, "a:b", 4)
	leaf := func(i int) protocol.LogLeaf {
		return protocol.LogLeaf{LogID: log.LogID, RecordID: records[i].RecordID}
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.MarkReady(records[1].ID), tx.MarkReady(records[0].ID))
	})
	update(t, db, func(tx *store.Tx) error {
		ready, err := tx.Ready(10)
		equal(t, "ready", ready, []int64{records[0].ID, records[1].ID})
		some, err2 := tx.Ready(1)
		equal(t, "ready, one", some, []int64{records[0].ID})
		p, err3 := tx.Pending([]int64{0, records[0].ID, records[1].ID})
		equal(t, "pending", p, []store.Pending{
			{Record: records[0].ID, Log: log.ID, LogLength: 4, Leaf: leaf(0), Name: "a:b", Envelope: records[0].Envelope},
			{Record: records[1].ID, Log: log.ID, LogLength: 4, Position: 1, Leaf: leaf(1), Name: "a:b", Envelope: records[1].Envelope},
		})
		from, err4 := tx.PendingFrom(log.ID, 1, 10)
		equal(t, "pending from 1", len(from), 3)
		gap, err5 := tx.PendingFrom(log.ID, 4, 10)
		equal(t, "pending from the end", len(gap), 0)
		unknown := protocol.LogLeaf{LogID: log.LogID}
		elsewhere := protocol.LogLeaf{LogID: hash("no log"), RecordID: records[0].RecordID}
		s, err6 := tx.Sequenced([]protocol.LogLeaf{leaf(3), unknown, leaf(0), elsewhere})
		equal(t, "sequenced", s, map[protocol.LogLeaf]store.Sequenced{
			leaf(0): {Record: records[0].ID, Log: log.ID, State: store.Processing},
			leaf(3): {Record: records[3].ID, Log: log.ID, Position: 3, State: store.Processing, Last: true},
		})
		complete, err7 := tx.Complete([]store.Place{{Log: log.ID, Position: 2}, {Log: log.ID, Position: 3}, {Log: log.ID, Position: 4}, {Log: log.ID + 1}})
		equal(t, "complete", complete, []int64{records[2].ID, records[3].ID})
		none, err8 := tx.Complete(nil)
		equal(t, "complete at no place", len(none), 0)
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8, tx.MarkReady(), tx.Publish(nil),
			tx.Publish([]store.Placement{{Record: records[0].ID, RegistryIndex: 5}, {Record: records[1].ID, RegistryIndex: 7}}))
	})
	view(t, db, func(tx *store.Tx) error {
		ready, err := tx.Ready(10)
		equal(t, "ready after publishing", len(ready), 0)
		got, err2 := tx.RecordByID(records[0].ID)
		if got.State != store.Published || got.RegistryIndex == nil || *got.RegistryIndex != 5 {
			t.Errorf("published record: %+v", got)
		}
		s, err3 := tx.Sequenced([]protocol.LogLeaf{leaf(1), leaf(2)})
		if before := s[leaf(1)].Before; before == nil || *before != 5 {
			t.Errorf("index before the second record: %v, want 5", before)
		}
		if before := s[leaf(2)].Before; before == nil || *before != 7 {
			t.Errorf("index before the third record: %v, want 7", before)
		}
		return errors.Join(err, err2, err3)
	})
	if err := db.Update(context.Background(), func(tx *store.Tx) error {
		return tx.Publish([]store.Placement{{Record: records[3].ID, RegistryIndex: 7}})
	}); err == nil {
		t.Error("two records were published at one index")
	}
}

// testBatches handles more rows than a statement of any backend does.
func testBatches(t *testing.T, db *store.DB) {
	const logs, each = 250, 3
	var leaves []protocol.LogLeaf
	var placements []store.Placement
	var ends []store.Place
	want := map[protocol.LogLeaf]store.Sequenced{}
	for l := range logs {
		log, records := newLog(t, db, fmt.Sprint("a:b", l), each)
		for i, r := range records[:each-1] {
			leaf := protocol.LogLeaf{LogID: log.LogID, RecordID: r.RecordID}
			leaves = append(leaves, leaf)
			placements = append(placements, store.Placement{Record: r.ID, RegistryIndex: uint64(len(placements))})
			want[leaf] = store.Sequenced{Record: r.ID, Log: log.ID, Position: uint64(i), State: store.Processing}
		}
		ends = append(ends, store.Place{Log: log.ID, Position: each - 1})
	}
	tiles := make([]index.Tile, len(leaves))
	ids := make([][]byte, len(leaves))
	for i, leaf := range leaves {
		tiles[i] = index.Tile{ID: leaf.RecordID[:], Data: leaf.LogID[:]}
		ids[i] = tiles[i].ID
	}
	update(t, db, func(tx *store.Tx) error {
		got, err := tx.Sequenced(leaves)
		equal(t, "sequenced", got, want)
		err2 := tx.Publish(placements)
		complete, err3 := tx.Complete(ends)
		equal(t, "complete successors", len(complete), logs)
		return errors.Join(err, err2, err3, tx.MarkReady(complete...), tx.InsertTiles(1, tiles))
	})
	view(t, db, func(tx *store.Tx) error {
		ready, err := tx.Ready(2 * logs)
		equal(t, "ready", len(ready), logs)
		published, err2 := tx.Leaves(0, 2*len(leaves))
		for i, l := range published {
			if l.LogLeaf != leaves[i] || l.RegistryIndex != uint64(i) {
				t.Errorf("leaf %d: %+v", i, l)
			}
		}
		equal(t, "leaves", len(published), len(leaves))
		return errors.Join(err, err2)
	})
	got, err := db.Tiles(context.Background(), append(ids, []byte("none")), 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "tiles", len(got), len(tiles))
	for _, tile := range tiles {
		equal(t, "tile", got[string(tile.ID)], tile.Data)
	}
}

func testReading(t *testing.T, db *store.DB) {
	log, records := newLog(t, db, "a:b", 4)
	unpublished, _ := newLog(t, db, "c:d", 1)
	update(t, db, func(tx *store.Tx) error {
		return tx.Publish([]store.Placement{{Record: records[0].ID}, {Record: records[1].ID, RegistryIndex: 3}, {Record: records[2].ID, RegistryIndex: 4}})
	})
	view(t, db, func(tx *store.Tx) error {
		all, err := publishedPage(tx, log.ID, 0, 4, 10)
		if len(all) != 2 || all[0].ID != records[0].ID || all[1].ID != records[1].ID {
			t.Errorf("published below 4: %+v", all)
		}
		one, err2 := publishedPage(tx, log.ID, 1, 9, 1)
		if len(one) != 1 || one[0].ID != records[1].ID {
			t.Errorf("published from 1, one: %+v", one)
		}
		names, err3 := tx.PublishedNames([]protocol.Hash{hash("other"), log.LogID, unpublished.LogID})
		equal(t, "names", names, map[protocol.Hash]string{log.LogID: "a:b"})
		keys, err7 := tx.LogKeys([]protocol.Hash{hash("other"), log.LogID, unpublished.LogID})
		equal(t, "keys of logs", keys, map[protocol.Hash]int64{log.LogID: log.ID, unpublished.LogID: unpublished.ID})
		places := []store.RecordKey{{Log: log.ID, RecordID: records[1].RecordID}, {Log: unpublished.ID, RecordID: records[1].RecordID}, {Log: log.ID, RecordID: hash("other")}}
		positions, err6 := tx.PublishedPositions(places)
		equal(t, "positions of published records", positions, map[store.RecordKey]uint64{places[0]: 1})
		_, err4 := tx.FirstPublished(log.ID)
		_, missing := tx.FirstPublished(unpublished.ID)
		notFound(t, "first of an unpublished log", missing)
		leaves, err5 := tx.Leaves(1, 10)
		equal(t, "leaves from 1", leaves, []store.Leaf{
			{LogLeaf: protocol.LogLeaf{LogID: log.LogID, RecordID: records[1].RecordID}, RegistryIndex: 3, Log: log.ID, Position: 1},
			{LogLeaf: protocol.LogLeaf{LogID: log.LogID, RecordID: records[2].RecordID}, RegistryIndex: 4, Log: log.ID, Position: 2}})
		_, missing = tx.Leaf(1)
		notFound(t, "leaf that is not there", missing)
		return errors.Join(err6, err7, err, err2, err3, err4, err5)
	})
}

func publishedPage(tx *store.Tx, log int64, from, logLength uint64, limit int) ([]store.Record, error) {
	all, _, err := tx.PublishedPage(log, from, logLength, limit, 1<<20)
	return all, err
}
