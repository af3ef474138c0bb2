package sqlitestorage_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/openfiles"
	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
)

func TestOpenTwiceInOneProcess(t *testing.T) {
	dir := t.TempDir()
	openIn(t, dir)
	if _, err := sqlitestorage.Open(dir); !errors.Is(err, sqlitestorage.ErrInUse) {
		t.Errorf("error %v", err)
	}
}

// Statements that are kept of a connection would keep its file, and its locks.
func TestCloseClosesFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlitestorage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openfiles.None(t, dir)
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlitestorage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "trillian.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitestorage.Open(dir); !errors.Is(err, sqlitestorage.ErrNewerSchema) || !strings.Contains(err.Error(), "99") {
		t.Errorf("error %v", err)
	}
	// The failed Open has let the lock go: the error is the same again.
	if _, err := sqlitestorage.Open(dir); !errors.Is(err, sqlitestorage.ErrNewerSchema) {
		t.Errorf("second time: %v", err)
	}
}

func TestUnusableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "trillian.db"), []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := t.TempDir()
	if err := os.Mkdir(filepath.Join(taken, "trillian.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	readOnly := t.TempDir()
	if err := os.Chmod(readOnly, 0o500); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{
		"below a file": filepath.Join(file, "sub"), "a file": file, "no database": other,
		"a folder in its place": taken, "read-only": readOnly,
	} {
		if what == "read-only" && os.Getuid() == 0 {
			continue // root may write anywhere
		}
		if _, err := sqlitestorage.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// Special characters in the path are not taken for parameters.
func TestPathWithSpecialCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a ?b=c#d%20&e")
	openIn(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "trillian.db")); err != nil {
		t.Error(err)
	}
}
