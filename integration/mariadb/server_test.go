package mariadb_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
)

func TestServer(t *testing.T) {
	s := mariadb.Start(t)
	dsn := s.Database(t)
	if other := s.Database(t); other == dsn {
		t.Errorf("two databases are both %s", dsn)
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE kept (id INT PRIMARY KEY)`)
	exec(`INSERT INTO kept VALUES (1)`)

	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("connection to a killed server: %v, want that it is refused", err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	exec(`INSERT INTO kept VALUES (2)`)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := db.QueryRow(`SELECT COUNT(*) FROM kept`).Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows after a kill and a stop, want 2: %v", rows, err)
	}

	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := db.ExecContext(ctx, `INSERT INTO kept VALUES (3)`); ctx.Err() == nil {
		t.Errorf("a paused server answered: %v", err)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(); err != nil {
		t.Error(err)
	}
}
