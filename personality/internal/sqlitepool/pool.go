// Package sqlitepool keeps connections to a SQLite database with statements that
// are prepared once.
package sqlitepool

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"sync"
)

// ErrClosed says that a [Pool] was closed.
var ErrClosed = errors.New("the database is closed")

// Pool is a fixed number of connections, each with statements S that were prepared
// on it.
//
// It takes the place of [sql.Tx] and the pool of [sql.DB], with which each query
// in a transaction costs a goroutine that watches a context, and each BEGIN and
// COMMIT is compiled anew. Statements here watch no context: they take
// microseconds or a few milliseconds. Waiting for a connection does. Safe for
// concurrent use.
type Pool[S any] struct {
	// Present fails if what a transaction writes would go to a file that is not the
	// database's any more; nil for connections that only read. To be set before use.
	Present func() error

	db     *sql.DB
	size   int
	free   chan *session[S]
	closed chan struct{}
	once   sync.Once // of Close
	err    error     // of Close
}

// session is one connection, used by one transaction at a time.
type session[S any] struct {
	conn                    *sql.Conn
	begin, commit, rollback *sql.Stmt
	statements              S
}

// Open opens size connections of db, which nobody else uses, and takes it over. If S is an
// [io.Closer], it is closed with its connection. begin
// is the statement that begins their transactions, prepare prepares the others.
func Open[S any](db *sql.DB, size int, begin string, prepare func(*sql.Conn) (S, error)) (*Pool[S], error) {
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	p := &Pool[S]{db: db, free: make(chan *session[S], size), closed: make(chan struct{})}
	for range size {
		conn, err := db.Conn(context.Background())
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		s := &session[S]{conn: conn}
		p.size++
		p.free <- s
		if err := s.prepare(begin); err != nil {
			return nil, errors.Join(err, p.Close())
		}
		if s.statements, err = prepare(conn); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// close closes the connection. database/sql does not close statements that were prepared on
// one, with which it would stay open, and its locks with it: so they are closed before, and
// those of the pool's user, if they have a method Close.
func (s *session[S]) close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.begin, s.commit, s.rollback} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	if c, ok := any(s.statements).(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

func (s *session[S]) prepare(begin string) (err error) {
	for _, of := range []struct {
		stmt **sql.Stmt
		text string
	}{{&s.begin, begin}, {&s.commit, "COMMIT"}, {&s.rollback, "ROLLBACK"}} {
		if *of.stmt, err = s.conn.PrepareContext(context.Background(), of.text); err != nil {
			return err
		}
	}
	return nil
}

// Tx is a transaction. Commit or Rollback ends it and gives the connection back;
// of an ended transaction only these two may be called, without effect. Not safe for
// concurrent use.
type Tx[S any] struct {
	Statements S
	session    *session[S] // nil: ended
	pool       *Pool[S]
	begun      bool // there is a transaction on the connection
}

// Begin waits for a connection until ctx ends, and begins a transaction.
func (p *Pool[S]) Begin(ctx context.Context) (*Tx[S], error) {
	t, err := p.Borrow(ctx)
	if err != nil {
		return nil, err
	}
	s := t.session
	_, err = s.begin.Exec()
	if err != nil { // perhaps because an earlier transaction could not be rolled back
		s.rollback.Exec()
		_, err = s.begin.Exec()
	}
	if err != nil {
		t.end()
		return nil, err
	}
	t.begun = true
	return t, nil
}

// Borrow waits for a connection until ctx ends, for statements that need no
// transaction. Commit and Rollback only give it back.
func (p *Pool[S]) Borrow(ctx context.Context) (*Tx[S], error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, ErrClosed
	case s := <-p.free:
		return &Tx[S]{Statements: s.statements, session: s, pool: p}, nil
	}
}

// Conn is the connection, for statements that are not prepared. It is the
// transaction's until that ends.
func (t *Tx[S]) Conn() *sql.Conn { return t.session.conn }

// Commit ends the transaction either way: on an error nothing of it is stored.
func (t *Tx[S]) Commit() error {
	if t.session == nil {
		return sql.ErrTxDone
	}
	var err error
	if t.begun && t.pool.Present != nil {
		err = t.pool.Present()
	}
	if t.begun && err == nil {
		_, err = t.session.commit.Exec()
	}
	if err != nil {
		t.Rollback()
		return err
	}
	t.end()
	return nil
}

// Rollback undoes what is not committed. It cannot fail in a way that matters:
// either SQLite has rolled back by itself, or Begin will do it.
func (t *Tx[S]) Rollback() error {
	if t.session == nil {
		return nil
	}
	if t.begun {
		t.session.rollback.Exec()
	}
	t.end()
	return nil
}

func (t *Tx[S]) end() {
	t.pool.free <- t.session
	t.session = nil
}

// Close waits for the transactions under way and closes the connections.
func (p *Pool[S]) Close() error {
	p.once.Do(func() {
		close(p.closed)
		var errs []error
		for range p.size {
			errs = append(errs, (<-p.free).close())
		}
		p.err = errors.Join(append(errs, p.db.Close())...)
	})
	return p.err
}

// Each calls f with each connection in turn, waiting until it is free.
func (p *Pool[S]) Each(f func(*sql.Conn)) {
	var all []*session[S]
	for range p.size {
		all = append(all, <-p.free)
	}
	for _, s := range all {
		f(s.conn)
		p.free <- s
	}
}
