package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/store/storetest"
)

func open(t *testing.T, file string) *store.DB {
	t.Helper()
	db, err := store.OpenSQLite(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, processes int) []*store.DB {
		// A name that must be escaped in a URI.
		db := open(t, filepath.Join(t.TempDir(), "a folder? #1.db"))
		return slices.Repeat([]*store.DB{db}, processes)
	}, func() {})
}

func TestSQLiteKeepsWhatWasCommitted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.db")
	db := open(t, file)
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.SetMeta("x", []byte("y")) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	err := open(t, file).View(context.Background(), func(tx *store.Tx) error {
		got, err := tx.Meta("x")
		if string(got) != "y" {
			t.Errorf("got %q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSQLiteRefusesNewerSchema(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.db")
	open(t, file).Close()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenSQLite(context.Background(), file); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("opened a schema of version 99: %v", err)
	}
}

func TestSQLiteRefusesWhatItCannotOpen(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{garbage, filepath.Join(dir, "no such folder", "registry.db"), dir} {
		if db, err := store.OpenSQLite(context.Background(), file); err == nil {
			db.Close()
			t.Errorf("opened %s", file)
		} else if !strings.Contains(err.Error(), file) {
			t.Errorf("error does not name the file %s: %v", file, err)
		}
	}
}
