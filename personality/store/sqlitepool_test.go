package store

import (
	"context"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Every connection waits for the disk at a commit (synchronous=FULL, 2) and
// keeps a write-ahead log. Nothing but a power cut would show that one does not.
func TestSQLiteConnectionsAreDurable(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	check := func(name string, c *sql.Conn) {
		t.Helper()
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
			var got string
			if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %s, want %s (%v)", name, pragma, got, want, err)
			}
		}
	}
	writes := db.writes.(*sqlPool)
	if n := writes.Stats().MaxOpenConnections; n != 1 {
		t.Fatalf("%d connections write", n)
	}
	c, err := writes.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check("writes", c)
	db.reads.(*sqlitePool).Each(func(c *sql.Conn) { check("reads", c) })
}

// The database and the files beside it are their owner's alone, also those that
// an earlier release made readable by all.
func TestSQLiteFileModes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.db")
	all := []string{file, file + "-wal", file + "-shm"}
	for _, when := range []string{"new", "made readable by all"} {
		db, err := OpenSQLite(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(context.Background(), func(tx *Tx) error { return tx.SetMeta(when, []byte{1}) }); err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			if info, err := os.Stat(name); err != nil || info.Mode() != fs.FileMode(0o600) {
				t.Errorf("%s: %s has mode %v (%v)", when, filepath.Base(name), info.Mode(), err)
			}
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		// A process that was killed leaves all three behind.
		var kept [3][]byte
		for i, name := range all {
			if kept[i], err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for i, name := range all {
			if err := os.WriteFile(name, kept[i], 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A transaction prepares each statement once, however often it runs it: each that is open
// has some KiB until the transaction ends, and one that publishes all that a mirror lacked
// runs some as often as there are records.
func TestTransactionPreparesEachStatementOnce(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, known := range []string{"nobody has run it", "an earlier transaction has"} {
		err := db.Update(t.Context(), func(tx *Tx) error {
			var first statement
			for range 3 {
				s, err := tx.stmt("SELECT value FROM meta WHERE name = ?")
				if err != nil {
					return err
				}
				if first == nil {
					first = s
				}
				if s != first {
					t.Errorf("%s: another statement for the same text", known)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
