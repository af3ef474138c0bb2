package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/groupcommit"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func BenchmarkSQLite(b *testing.B) {
	db, err := store.OpenSQLite(context.Background(), filepath.Join(b.TempDir(), "registry.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	benchmark(b, db)
}

func BenchmarkMySQL(b *testing.B) {
	benchmark(b, openMySQL(b, mariadb.Start(b).Database(b)))
}

// benchmark measures what the database does for a record: it accepts the first
// records of b.N packages, posted by 64 at a time, and publishes them, 500 to a
// checkpoint with a tile each.
func benchmark(b *testing.B, db *store.DB) {
	const posters, perCheckpoint = 64, 500
	ctx := context.Background()
	envelope, state := make([]byte, 400), make([]byte, 300)
	leaves := make([]protocol.LogLeaf, b.N)
	for i := range leaves {
		leaves[i] = protocol.LogLeaf{LogID: protocol.HashOf(fmt.Append(nil, "log", i)), RecordID: protocol.HashOf(fmt.Append(nil, "record", i))}
	}
	accept := func(tx *store.Tx, leaves []protocol.LogLeaf) error {
		ids := make([]protocol.Hash, len(leaves))
		for i, leaf := range leaves {
			ids[i] = leaf.LogID
		}
		if logs, err := tx.Logs(ids); err != nil || len(logs) > 0 {
			return fmt.Errorf("%d logs are there, error %v", len(logs), err)
		}
		var c store.Changes
		for _, leaf := range leaves {
			log := &store.Log{LogID: leaf.LogID, Name: "name:space", Length: 1, State: state}
			c.Logs = append(c.Logs, log)
			c.Records = append(c.Records, &store.RecordChange{Log: log, RecordID: leaf.RecordID, State: store.Processing, Ready: true, At: time.Unix(1, 0), Envelope: envelope})
			c.Releases = append(c.Releases, store.NewRelease{Log: log, Version: "1.0.0", Content: leaf.RecordID.String()})
		}
		return tx.Apply(&c)
	}
	group := groupcommit.Group[protocol.LogLeaf]{Commit: func(leaves []protocol.LogLeaf) error {
		return db.Update(ctx, func(tx *store.Tx) error { return accept(tx, leaves) })
	}}
	b.ResetTimer()
	started := time.Now()
	var wg sync.WaitGroup
	next := make(chan protocol.LogLeaf, posters)
	for range posters {
		wg.Go(func() {
			for leaf := range next {
				if err := group.Do(ctx, leaf); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, leaf := range leaves {
		next <- leaf
	}
	close(next)
	wg.Wait()
	accepted := time.Now()
	for start := 0; start < b.N; start += perCheckpoint {
		some := leaves[start:min(start+perCheckpoint, b.N)]
		if err := db.Update(ctx, func(tx *store.Tx) error { return publishAll(tx, uint64(start), some) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/accepted.Sub(started).Seconds(), "accepted/s")
	b.ReportMetric(float64(b.N)/time.Since(accepted).Seconds(), "published/s")
}

func publishAll(tx *store.Tx, start uint64, leaves []protocol.LogLeaf) error {
	if err := tx.ReplaceNewestLength(start, start+uint64(len(leaves))); err != nil {
		return err
	}
	tiles := make([]index.Tile, len(leaves))
	for i, leaf := range leaves {
		tiles[i] = index.Tile{ID: leaf.RecordID[:4], Data: make([]byte, 500)}
	}
	if err := tx.InsertTiles(start+1, tiles); err != nil {
		return err
	}
	records, err := tx.Sequenced(leaves)
	if err != nil {
		return err
	}
	placements := make([]store.Placement, len(leaves))
	for i, leaf := range leaves {
		placements[i] = store.Placement{Record: records[leaf].Record, RegistryIndex: start + uint64(i)}
	}
	return tx.Publish(placements)
}
