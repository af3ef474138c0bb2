package sqlitepool

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

func open(t *testing.T, connections int) *Pool[*sql.Stmt] {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE t (x INTEGER)`); err != nil {
		t.Fatal(err)
	}
	p, err := Open(db, connections, "BEGIN", func(c *sql.Conn) (*sql.Stmt, error) {
		return c.PrepareContext(context.Background(), `INSERT INTO t VALUES (?)`)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func rows(t *testing.T, p *Pool[*sql.Stmt]) (n int) {
	t.Helper()
	tx, err := p.Borrow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := tx.Conn().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM t`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What is committed stays, what is rolled back does not, and what is not present may
// not be written. Each gives its connection back, once.
func TestTransactions(t *testing.T) {
	p := open(t, 1)
	errGone := errors.New("gone")
	var present error
	p.Present = func() error { return present }
	for i, c := range []struct {
		end     func(*Tx[*sql.Stmt]) error
		present error
		want    int
	}{
		{(*Tx[*sql.Stmt]).Commit, nil, 1},
		{(*Tx[*sql.Stmt]).Rollback, nil, 1},
		{(*Tx[*sql.Stmt]).Commit, errGone, 1},
		{(*Tx[*sql.Stmt]).Commit, nil, 2},
	} {
		tx, err := p.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Statements.Exec(i); err != nil {
			t.Fatal(err)
		}
		present = c.present
		if err := c.end(tx); !errors.Is(err, c.present) {
			t.Errorf("transaction %d: %v, want %v", i, err, c.present)
		}
		if err := tx.Commit(); !errors.Is(err, sql.ErrTxDone) || tx.Rollback() != nil {
			t.Errorf("transaction %d ends again: %v", i, err)
		}
		if n := rows(t, p); n != c.want {
			t.Errorf("after transaction %d: %d rows, want %d", i, n, c.want)
		}
	}
}

// Who waits for a connection gives up when its context ends. A closed pool refuses.
func TestWaitingForAConnection(t *testing.T) {
	p := open(t, 2)
	var held []*Tx[*sql.Stmt]
	for range 2 {
		tx, err := p.Borrow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, tx)
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Begin(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("all connections are taken: %v", err)
	}
	for _, tx := range held {
		tx.Commit()
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for range 10 { // a free connection is not one to be had
		if _, err := p.Begin(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
}
