// Package store keeps the registry's own state in SQL: logs, records, releases,
// what is missing and what is ready, checkpoints, the tiles of the package
// index. It holds no rules; package registry does. The SQL is written for
// SQLite and MySQL alike; what differs between them is in a dialect.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// ErrNotFound: there is no such row.
var ErrNotFound = errors.New("not found in the registry's database")

// DB is the registry's database. Safe for concurrent use.
type DB struct {
	writes, reads pool
	dialect       dialect
	group         group
}

// dialect is what differs between the databases.
type dialect struct {
	// forUpdate ends a SELECT whose rows the transaction will change. SQLite
	// needs nothing: a writing transaction holds the database's only write lock
	// from its beginning.
	forUpdate string
}

// pool is a connection pool with the statements that were prepared on it.
type pool struct {
	*sql.DB
	statements *sync.Map // SQL text to *sql.Stmt
}

func newPool(db *sql.DB) pool { return pool{DB: db, statements: new(sync.Map)} }

// prepare keeps statements for later transactions. It takes a connection, so
// no transaction may call it: that might hold the last one.
func (p pool) prepare(queries []string) {
	for _, query := range queries {
		if _, ok := p.statements.Load(query); ok {
			continue
		}
		s, err := p.Prepare(query)
		if err != nil {
			continue // the next one who needs it will say so
		}
		if _, loaded := p.statements.LoadOrStore(query, s); loaded {
			s.Close()
		}
	}
}

// Tx is a transaction: a consistent snapshot, and when made by [DB.Update] the
// right to write. Not safe for concurrent use.
type Tx struct {
	pool    pool
	tx      *sql.Tx
	dialect dialect
	unknown []string // statements that were not prepared on the pool yet
}

// View runs f in a transaction that only reads, on a snapshot of the database.
func (db *DB) View(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.reads, f)
}

// Update runs f in a transaction that is committed, durably, if f returns nil
// and undone otherwise. On SQLite one Update runs at a time. Once begun it is
// not interrupted when ctx ends: half of a transaction is of no use, and they
// are short.
func (db *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.writes, f)
}

func (db *DB) run(ctx context.Context, p pool, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sqlTx, err := p.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer sqlTx.Rollback()
	tx := &Tx{pool: p, tx: sqlTx, dialect: db.dialect}
	if err := f(tx); err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return fmt.Errorf("commit a transaction: %w", err)
	}
	p.prepare(tx.unknown)
	return nil
}

// Close closes all connections.
func (db *DB) Close() error {
	return errors.Join(db.writes.Close(), db.reads.Close())
}

func (tx *Tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := tx.pool.statements.Load(query); ok {
		return tx.tx.Stmt(s.(*sql.Stmt)), nil
	}
	s, err := tx.tx.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	tx.unknown = append(tx.unknown, query)
	return s, nil
}

// exec runs a statement and returns how many rows it changed and the id it gave.
func (tx *Tx) exec(query string, args ...any) (sql.Result, error) {
	s, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	r, err := s.Exec(args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	return r, nil
}

// row reads the only row of a query into dest; [ErrNotFound] if there is none.
func (tx *Tx) row(query string, args []any, dest ...any) error {
	s, err := tx.stmt(query)
	if err != nil {
		return err
	}
	switch err := s.QueryRow(args...).Scan(dest...); {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

// rows calls scan for each row of a query.
func (tx *Tx) rows(query string, args []any, scan func(*sql.Rows) error) error {
	s, err := tx.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}
