package postgresql_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/postgresql"
)

func TestServer(t *testing.T) {
	if _, err := postgresql.Program("postgres"); err != nil {
		t.Skipf("only make test-trillians needs PostgreSQL: %v", err)
	}
	s := postgresql.Start(t)
	load := func(statements string) error {
		t.Helper()
		file := filepath.Join(t.TempDir(), "statements.sql")
		if err := os.WriteFile(file, []byte(statements), 0o600); err != nil {
			t.Fatal(err)
		}
		return s.Load(file)
	}
	if err := load(`CREATE TABLE kept (id INT PRIMARY KEY); INSERT INTO kept VALUES (1);`); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := load(`SELECT 1;`); err == nil {
		t.Error("a server that was killed answers")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := load(`INSERT INTO kept VALUES (1);`); err == nil {
		t.Error("what was committed before the kill is gone")
	}
	if err := load(`INSERT INTO kept VALUES (2);`); err != nil {
		t.Error(err)
	}
}
