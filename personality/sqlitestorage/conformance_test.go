package sqlitestorage_test

import (
	"context"
	"testing"

	"github.com/google/trillian/integration/storagetest"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/testonly"

	"github.com/warg-trillian/warg-trillian/personality/sqlitestorage"
)

// open opens a storage in a new folder and closes it after the test.
func open(t testing.TB) *sqlitestorage.Storage {
	t.Helper()
	return openIn(t, t.TempDir())
}

func openIn(t testing.TB, dir string) *sqlitestorage.Storage {
	t.Helper()
	s, err := sqlitestorage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// Trillian's own suites.

func TestLogStorageConformance(t *testing.T) {
	storagetest.RunLogStorageTests(t, func(_ context.Context, t *testing.T) (storage.LogStorage, storage.AdminStorage) {
		s := open(t)
		return s.LogStorage(), s.AdminStorage()
	})
}

func TestAdminStorageConformance(t *testing.T) {
	(&testonly.AdminStorageTester{NewAdminStorage: func() storage.AdminStorage {
		return open(t).AdminStorage()
	}}).RunAllTests(t)
}
