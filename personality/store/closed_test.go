package store

import (
	"path/filepath"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/openfiles"
)

// A closed database has no file open: statements that are kept of a connection would keep
// it, and its locks.
func TestCloseClosesFiles(t *testing.T) {
	dir := t.TempDir()
	db, err := OpenSQLite(t.Context(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(tx *Tx) error { return tx.SetMeta("a", []byte{1}) }); err != nil {
		t.Fatal(err)
	}
	read := func(tx *Tx) error { _, err := tx.Meta("a"); return err }
	if err := db.View(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	openfiles.None(t, dir)
}
