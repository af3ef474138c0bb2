package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/internal/sqlitepool"
)

// pool has the connections that a DB writes with, or reads with.
type pool interface {
	begin(context.Context) (transaction, error)
	// one returns what runs one statement that reads, which needs no transaction.
	one(context.Context) (transaction, error)
	reads() bool // its transactions only read
	Close() error
}

// transaction is one of a pool. Rollback has no effect on one that has ended.
type transaction interface {
	// statement returns a statement; one that is used once is not kept for later.
	statement(query string, once bool) (statement, error)
	Commit() error
	Rollback() error
}

// statement is a prepared statement, or one that is sent as text with its
// arguments in it.
type statement interface {
	Exec(args ...any) (sql.Result, error)
	Query(args ...any) (*sql.Rows, error)
}

// sqlPool is a pool of database/sql with the statements that were prepared on it.
type sqlPool struct {
	*sql.DB
	reading    bool
	statements *sync.Map // SQL text to *sql.Stmt
}

func newSQLPool(db *sql.DB, reading bool) *sqlPool {
	return &sqlPool{DB: db, reading: reading, statements: new(sync.Map)}
}

func (p *sqlPool) reads() bool { return p.reading }

func (p *sqlPool) begin(ctx context.Context) (transaction, error) {
	tx, err := p.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: p.reading})
	return &sqlTransaction{Tx: tx, pool: p, statements: map[string]*sql.Stmt{}}, err
}

type sqlTransaction struct {
	*sql.Tx
	pool *sqlPool
	// statements are those that were used, by their text. Each has memory of the database
	// until the transaction ends, so a long one has each of them once.
	statements map[string]*sql.Stmt
}

func (t *sqlTransaction) statement(query string, once bool) (statement, error) {
	if once {
		return textStatement{t.Tx, query}, nil
	}
	s, ok := t.statements[query]
	if ok {
		return s, nil
	}
	if known, ok := t.pool.statements.Load(query); ok {
		s = t.Stmt(known.(*sql.Stmt))
	} else {
		var err error
		if s, err = t.Prepare(query); err != nil {
			return nil, err
		}
	}
	t.statements[query] = s
	return s, nil
}

// Commit keeps the statements for later transactions. Preparing them takes a
// connection, so no transaction may do it: that might hold the last one.
func (t *sqlTransaction) Commit() error {
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	for query := range t.statements {
		if _, ok := t.pool.statements.Load(query); ok {
			continue
		}
		s, err := t.pool.Prepare(query)
		if err != nil {
			continue // the next one who needs it will say so
		}
		if _, loaded := t.pool.statements.LoadOrStore(query, s); loaded {
			s.Close()
		}
	}
	return nil
}

func (p *sqlPool) one(context.Context) (transaction, error) { return sqlStatement{p}, nil }

// sqlStatement runs a statement on any connection.
type sqlStatement struct{ pool *sqlPool }

func (s sqlStatement) statement(query string, once bool) (statement, error) {
	if once {
		return textStatement{s.pool, query}, nil
	}
	if known, ok := s.pool.statements.Load(query); ok {
		return known.(*sql.Stmt), nil
	}
	prepared, err := s.pool.Prepare(query)
	if err != nil {
		return nil, err
	}
	known, loaded := s.pool.statements.LoadOrStore(query, prepared)
	if loaded {
		prepared.Close()
	}
	return known.(*sql.Stmt), nil
}

func (sqlStatement) Commit() error   { return nil }
func (sqlStatement) Rollback() error { return nil }

// textRunner runs a statement that is text.
type textRunner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

type textStatement struct {
	on    textRunner
	query string
}

func (s textStatement) Exec(args ...any) (sql.Result, error) {
	return s.on.ExecContext(context.Background(), s.query, args...)
}

func (s textStatement) Query(args ...any) (*sql.Rows, error) {
	return s.on.QueryContext(context.Background(), s.query, args...)
}

// sqlitePool reads a SQLite database.
type sqlitePool struct{ *sqlitepool.Pool[prepared] }

// prepared are the statements of one connection, by their text.
type prepared map[string]*sql.Stmt

// Close implements [io.Closer] for [sqlitepool.Open].
func (p prepared) Close() error {
	var errs []error
	for _, s := range p {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func openSQLitePool(db *sql.DB, connections int) (*sqlitePool, error) {
	p, err := sqlitepool.Open(db, connections, "BEGIN", func(*sql.Conn) (prepared, error) { return prepared{}, nil })
	return &sqlitePool{p}, err
}

func (*sqlitePool) reads() bool { return true }

func (p *sqlitePool) begin(ctx context.Context) (transaction, error) {
	tx, err := p.Begin(ctx)
	return sqliteTransaction{tx}, err
}

func (p *sqlitePool) one(ctx context.Context) (transaction, error) {
	tx, err := p.Borrow(ctx)
	return sqliteTransaction{tx}, err
}

type sqliteTransaction struct{ *sqlitepool.Tx[prepared] }

func (t sqliteTransaction) statement(query string, once bool) (statement, error) {
	if once {
		return textStatement{t.Conn(), query}, nil
	}
	s, ok := t.Statements[query]
	if !ok {
		var err error
		if s, err = t.Conn().PrepareContext(context.Background(), query); err != nil {
			return nil, err
		}
		t.Statements[query] = s
	}
	return s, nil
}

// single is a pool for single statements.
type single struct{ pool }

func (p single) begin(ctx context.Context) (transaction, error) { return p.one(ctx) }
