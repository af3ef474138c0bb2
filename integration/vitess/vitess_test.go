package vitess_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/vitess"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/store/storetest"
)

// TestVitess is what the tests of package store say of MySQL, on a keyspace.
func TestVitess(t *testing.T) {
	c := vitess.Start(t)
	t.Run("store", func(t *testing.T) { testStore(t, c) })
	t.Run("schema", func(t *testing.T) { testSchema(t, c) })
	t.Run("durability", func(t *testing.T) { testDurability(t, c) })
}

func testStore(t *testing.T, c *vitess.Cluster) {
	storetest.Run(t, func(t *testing.T, processes int) []*store.DB {
		empty(t, c)
		dbs := make([]*store.DB, processes)
		for i := range dbs {
			dbs[i] = open(t, c)
		}
		return dbs
	}, func() { c.AwaitLockWait(t) })
}

// Several processes make the schema at once; what they make is what it is on MySQL,
// without what migrations remove.
func testSchema(t *testing.T, c *vitess.Cluster) {
	empty(t, c)
	var processes sync.WaitGroup
	for range 4 {
		processes.Go(func() {
			db, err := store.OpenMySQL(context.Background(), c.DSN(vitess.Keyspace), store.MySQLOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	db := raw(t, c)
	for query, want := range map[string]int{
		`SHOW TABLES LIKE 'missing_content'`:                           0,
		`SHOW COLUMNS FROM records LIKE 'state_before'`:                0,
		`SHOW COLUMNS FROM logs LIKE 'waiting'`:                        1,
		`SELECT version_id FROM goose_db_version WHERE version_id = 0`: 1,
	} {
		if got := len(values(t, db, query)); got != want {
			t.Errorf("%s returns %d rows, want %d", query, got, want)
		}
	}
}

// Who opens a keyspace whose commits wait for no replica is warned; who opens one
// that is as it should be is not.
func testDurability(t *testing.T, c *vitess.Cluster) {
	warned := func() string {
		var log bytes.Buffer
		db, err := store.OpenMySQL(context.Background(), c.DSN(vitess.Keyspace), store.MySQLOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		return log.String()
	}
	if said := warned(); said != "" {
		t.Errorf("of a keyspace with semi-sync and three tablets was said: %s", said)
	}
	c.Durability(t, "none")
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		said := warned()
		if strings.Contains(said, "semi-sync is off") && strings.Contains(said, "level=WARN") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("of a keyspace without semi-sync was said: %q", said)
		}
	}
}

func open(t *testing.T, c *vitess.Cluster) *store.DB {
	t.Helper()
	db, err := store.OpenMySQL(context.Background(), c.DSN(vitess.Keyspace), store.MySQLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// empty drops all tables: a keyspace of its own for each test would need a MySQL
// server of its own.
func empty(t *testing.T, c *vitess.Cluster) {
	t.Helper()
	db := raw(t, c)
	for _, table := range values(t, db, "SHOW TABLES") {
		if _, err := db.Exec("DROP TABLE `" + table + "`"); err != nil {
			t.Fatal(err)
		}
	}
}

// raw is the keyspace without package store.
func raw(t *testing.T, c *vitess.Cluster) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", c.DSN(vitess.Keyspace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// values returns the first column of a query's rows.
func values(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row := make([]any, len(columns))
		var first string
		row[0] = &first
		for i := 1; i < len(row); i++ {
			row[i] = new(any)
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		all = append(all, first)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
