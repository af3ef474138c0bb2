package mariadb

import (
	"os"
	"testing"
)

// Start returns a server that ends, with its data, when the test does. It takes
// about three seconds: tests that need nothing but a database of their own
// should share one.
func Start(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "mariadb") // t.TempDir's names can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := Run(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database is [Server.NewDatabase] for tests.
func (s *Server) Database(t testing.TB) (dsn string) {
	t.Helper()
	dsn, err := s.NewDatabase()
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}
