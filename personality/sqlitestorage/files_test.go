package sqlitestorage

import (
	"database/sql"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// Every connection waits for the disk at a commit (synchronous=FULL, 2) and
// keeps a write-ahead log. Nothing but a power cut would show that one does not.
func TestConnectionsAreDurable(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(name string, row func(query string) *sql.Row) {
		t.Helper()
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
			var got string
			if err := row("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %s, want %s (%v)", name, pragma, got, want, err)
			}
		}
	}
	for name, p := range map[string]*pool{"writer": s.writer, "reader": s.reader} {
		p.Each(func(conn *sql.Conn) {
			check(name, func(query string) *sql.Row { return conn.QueryRowContext(t.Context(), query) })
		})
	}
	// The connection that makes the schema ends with it; this is another like it.
	migrating, err := sql.Open("sqlite", dsn(s.path, url.Values{}))
	if err != nil {
		t.Fatal(err)
	}
	defer migrating.Close()
	check("migration", func(query string) *sql.Row { return migrating.QueryRow(query) })
}

// The files are their owner's alone, also those that an earlier release made
// readable by all.
func TestFileModes(t *testing.T) {
	dir := t.TempDir()
	for _, when := range []string{"new", "made readable by all"} {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(dir, "trillian.*"))
		if err != nil || len(found) < 4 { // the database, -wal, -shm and the lock
			t.Fatalf("found %v (%v)", found, err)
		}
		for _, name := range found {
			info, err := os.Stat(name)
			if err != nil || info.Mode() != fs.FileMode(0o600) {
				t.Errorf("%s: %s has mode %v (%v)", when, filepath.Base(name), info.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		left, err := filepath.Glob(filepath.Join(dir, "trillian.*"))
		if err != nil || len(left) < 2 {
			t.Fatalf("left %v (%v)", left, err)
		}
		for _, name := range left {
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
