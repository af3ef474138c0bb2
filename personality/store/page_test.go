package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// onEachDatabase runs a test on SQLite and on MariaDB.
func onEachDatabase(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, db)
	})
	t.Run("mysql", func(t *testing.T) {
		db, err := OpenMySQL(context.Background(), mariadb.Start(t).Database(t), MySQLOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, db)
	})
}

// publishedLog stores a log whose records have envelopes of these sizes, the
// i-th being leaf 2i of the records log.
func publishedLog(t *testing.T, db *DB, sizes []int) {
	t.Helper()
	writes := db.writes.(interface {
		Exec(query string, args ...any) (sql.Result, error)
	})
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := writes.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	logID := protocol.HashOf([]byte("log"))
	exec(`INSERT INTO logs (id, log_id, name, length, state) VALUES (1, ?, 'a:b', ?, ?)`, logID[:], len(sizes), []byte{})
	for i, size := range sizes {
		id := protocol.HashOf(fmt.Append(nil, i))
		exec(`INSERT INTO records (log, record_id, position, state, registry_index, accepted_at, envelope) VALUES (1, ?, ?, ?, ?, 0, ?)`,
			id[:], i, Published, 2*i, bytes.Repeat([]byte{byte(i)}, size))
	}
}

// A page ends with its limit, with the log, at the checkpoint, or with the record
// that fills it, wherever in it large records stand.
func TestPublishedPage(t *testing.T) {
	sizes := make([]int, 40)
	for i := range sizes {
		sizes[i] = 10
	}
	sizes[20], sizes[30] = 1000, 1000
	onEachDatabase(t, func(t *testing.T, db *DB) {
		publishedLog(t, db, sizes)
		for _, c := range []struct {
			from, length    uint64
			limit, maxBytes int
			want            int
			full            bool
		}{
			{0, 1000, 100, 1 << 20, 40, false},
			{0, 1000, 40, 1 << 20, 40, false},
			{0, 1000, 5, 1 << 20, 5, false},
			{0, 1000, 20, 1 << 20, 20, false},
			{0, 60, 100, 1 << 20, 30, false}, // as of a checkpoint
			{38, 1000, 100, 1 << 20, 2, false},
			{40, 1000, 100, 1 << 20, 0, false},
			{0, 1000, 100, 1, 1, true},  // one at least
			{0, 1000, 100, 50, 5, true}, // within the first records
			{0, 1000, 100, 160, 16, true},
			{0, 1000, 100, 161, 17, true},
			{0, 1000, 100, 500, 21, true},   // with the large one
			{0, 1000, 100, 1300, 31, true},  // with the second
			{39, 1000, 100, 1, 1, false},    // nothing is behind it
			{0, 32, 100, 160, 16, false},    // nothing is behind the sixteenth
			{21, 1000, 100, 1090, 10, true}, // what it is filled with exactly
		} {
			err := db.View(context.Background(), func(tx *Tx) error {
				page, full, err := tx.PublishedPage(1, c.from, c.length, c.limit, c.maxBytes)
				if len(page) != c.want || full != c.full {
					t.Errorf("%+v: %d records, full %v", c, len(page), full)
				}
				for i, r := range page {
					if *r.Position != c.from+uint64(i) || len(r.Envelope) != sizes[*r.Position] {
						t.Errorf("%+v: record %d is at %d with %d bytes", c, i, *r.Position, len(r.Envelope))
					}
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// Many leaves are read at once, and those that are not there are left out.
func TestLeavesAt(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, db *DB) {
		publishedLog(t, db, make([]int, 250))
		var ask []uint64
		for i := range uint64(520) {
			ask = append(ask, i)
		}
		for _, indices := range [][]uint64{nil, {4}, {5}, {0, 7, 498, 500}, ask} {
			err := db.View(context.Background(), func(tx *Tx) error {
				got, err := tx.LeavesAt(indices)
				n := 0
				for _, i := range indices {
					if i%2 != 0 || i >= 500 {
						continue
					}
					if n == len(got) {
						t.Fatalf("of %v: leaf %d is missing", indices, i)
					}
					if l := got[n]; l.RegistryIndex != i || l.Position != i/2 || l.Log != 1 ||
						l.RecordID != protocol.HashOf(fmt.Append(nil, i/2)) || l.LogID != protocol.HashOf([]byte("log")) {
						t.Errorf("leaf %d: %+v", i, l)
					}
					n++
				}
				if n != len(got) {
					t.Errorf("of %v: %d leaves, want %d", indices, len(got), n)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// The first page of a log is that of [Tx.PublishedPage], by one statement without a
// transaction, which can be had many times at once and again.
func TestFirstPage(t *testing.T) {
	sizes := make([]int, 40)
	for i := range sizes {
		sizes[i] = 10 + i
	}
	onEachDatabase(t, func(t *testing.T, db *DB) {
		publishedLog(t, db, sizes)
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() {
				for _, c := range []struct {
					log    string
					length uint64
					want   int
					all    bool
				}{{"log", 1000, firstPage, false}, {"log", 32, firstPage, false}, {"log", 30, 15, true}, {"log", 0, 0, true}, {"other", 1000, 0, true}} {
					logID := protocol.HashOf([]byte(c.log))
					err := db.ViewOne(context.Background(), func(tx *Tx) error {
						page, all, err := tx.FirstPage(logID, c.length)
						if len(page) != c.want || all != c.all {
							t.Errorf("%+v: %d records, all of them: %v", c, len(page), all)
						}
						for i, r := range page {
							if *r.Position != uint64(i) || len(r.Envelope) != sizes[i] || r.Log != 1 {
								t.Errorf("%+v: record %d is at %d with %d bytes", c, i, *r.Position, len(r.Envelope))
							}
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		asking.Wait()
	})
}
