package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

const (
	starts        = 5   // of which the median counts
	marginalPosts = 100 // records published one by one
)

// measureLarge measures what a registry with many records takes: memory, time to
// start, and storage of the package index.
func measureLarge(ctx context.Context, s *settings, t *table) error {
	if s.cpuProfile != "" {
		return fmt.Errorf("the memory and the start of the server can not be measured inside this process; leave out -cpuprofile")
	}
	srv, data, err := s.newServer(ctx, "large")
	if err != nil {
		return err
	}
	defer func() { srv.stop() }()
	records, err := srv.prepareLoad(ctx, s.records, s.publishers)
	if err != nil {
		return err
	}
	_, published, err := srv.load(ctx, records, s.publishers)
	if err != nil {
		return err
	}
	many := fmt.Sprintf("with %d records", s.records)
	t.add("records accepted and published, "+many, "", "%.0f/s", float64(len(records))/published.Seconds())
	now, most, err := srv.resident()
	if err != nil {
		return err
	}
	t.add("resident memory "+many, "at most 250 MiB", "%d MiB (peak while loading %d MiB)", now>>10, most>>10)
	if err := measureIndex(ctx, data, srv.client, t, s.records); err != nil {
		return err
	}
	r, err := srv.readsOf(ctx, records)
	if err != nil {
		return err
	}
	if err := s.measureReads(ctx, srv, r, t); err != nil {
		return err
	}
	return s.measureStart(ctx, &srv, data, t, many)
}

// measureStart stops the server and starts it again, some times.
func (s *settings) measureStart(ctx context.Context, srv **server, data string, t *table, many string) error {
	var listens, answers []time.Duration
	for range starts {
		if err := (*srv).stop(); err != nil {
			return err
		}
		begin := time.Now()
		again, err := s.start(ctx, data)
		if err != nil {
			return err
		}
		*srv = again
		if _, err := again.checkpoint(ctx); err != nil {
			return err
		}
		listens, answers = append(listens, again.took), append(answers, time.Since(begin))
	}
	now, _, err := (*srv).resident()
	if err != nil {
		return err
	}
	t.add("start "+many+" until the first checkpoint is fetched", "at most 1 s", "%s (listening after %s; %d MiB resident)",
		milliseconds(median(answers)), milliseconds(median(listens)), now>>10)
	return nil
}

// measureIndex measures the storage of the package index, old revisions
// included: a record as loaded in bulk, and one more published on its own.
func measureIndex(ctx context.Context, data string, c *client, t *table, packages int) error {
	bulk, err := indexSize(ctx, data)
	if err != nil {
		return err
	}
	records, err := newPackages("one-by-one", marginalPosts, 1)
	if err != nil {
		return err
	}
	for i := range records {
		if _, _, err := c.postAndWait(ctx, &records[i]); err != nil {
			return err
		}
	}
	after, err := indexSize(ctx, data)
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("index storage a record, %d packages loaded in bulk", packages), "at most 4 KiB",
		"%.2f KiB (%.2f KiB on pages)", perRecord(bulk.data, packages), perRecord(bulk.pages, packages))
	t.add(fmt.Sprintf("index storage a record published on its own, %d packages", packages), "at most 4 KiB",
		"%.2f KiB (%.2f KiB on pages)", perRecord(after.data-bulk.data, marginalPosts), perRecord(after.pages-bulk.pages, marginalPosts))
	return nil
}

// perRecord is in KiB.
func perRecord(bytes int64, records int) float64 { return float64(bytes) / 1024 / float64(records) }

// storage is in bytes: of the rows themselves, and of the pages they are on.
type storage struct{ data, pages int64 }

// indexSize reads the size of the package index from the server's database.
func indexSize(ctx context.Context, data string) (size storage, err error) {
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.Join(data, "registry.db")}).EscapedPath(), RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return size, err
	}
	defer db.Close()
	const rows = "SELECT COALESCE(SUM(LENGTH(tile) + LENGTH(data) + 8), 0) FROM map_tiles"
	if err := db.QueryRowContext(ctx, rows).Scan(&size.data); err != nil {
		return size, err
	}
	const pages = "SELECT COALESCE(SUM(pgsize), 0) FROM dbstat WHERE name = 'map_tiles'"
	return size, db.QueryRowContext(ctx, pages).Scan(&size.pages)
}
