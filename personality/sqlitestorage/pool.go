package sqlitestorage

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// pool is a fixed number of connections, each with its statements prepared.
//
// It takes the place of [sql.Tx] and the pool of [sql.DB], with which each query
// in a transaction costs a goroutine that watches a context, and each BEGIN and
// COMMIT is compiled anew. Statements here watch no context: they take
// microseconds or a few milliseconds. Waiting for a connection does.
type pool struct {
	db     *sql.DB
	size   int
	free   chan *session
	closed chan struct{}
	// present fails if what a transaction writes would go to a file that is not the
	// database's any more; nil for connections that only read.
	present func() error
	once    sync.Once // of close
	err     error     // of close
}

// session is one connection, used by one transaction at a time.
type session struct {
	conn *sql.Conn
	statements
}

var errClosed = status.Error(codes.Unavailable, "the storage is closed")

// newPool opens size connections. begin is the statement that begins their
// transactions.
func newPool(db *sql.DB, size int, begin string) (*pool, error) {
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	p := &pool{db: db, free: make(chan *session, size), closed: make(chan struct{})}
	for range size {
		conn, err := db.Conn(context.Background())
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		s := &session{conn: conn}
		p.size++
		p.free <- s
		if err := s.prepare(begin); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

// tx is a transaction. Commit or rollback ends it and gives the connection back;
// of an ended transaction only these two may be called, without effect.
type tx struct {
	*session // nil: ended
	pool     *pool
}

// begin waits for a connection until ctx ends.
func (p *pool) begin(ctx context.Context) (*tx, error) {
	var s *session
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, errClosed
	case s = <-p.free:
	}
	_, err := s.begin.Exec()
	if err != nil { // perhaps because an earlier transaction could not be rolled back
		s.rollback.Exec()
		_, err = s.begin.Exec()
	}
	if err != nil {
		p.free <- s
		return nil, err
	}
	return &tx{session: s, pool: p}, nil
}

// commit ends the transaction either way: on an error nothing of it is stored.
func (t *tx) commit() error {
	if t.session == nil {
		return sql.ErrTxDone
	}
	var err error
	if t.pool.present != nil {
		err = t.pool.present()
	}
	if err == nil {
		_, err = t.session.commit.Exec()
	}
	if err != nil {
		t.rollback()
		return err
	}
	t.end()
	return nil
}

// rollback undoes what is not committed. It cannot fail in a way that matters:
// either SQLite has rolled back by itself, or begin will do it.
func (t *tx) rollback() {
	if t.session != nil {
		t.session.rollback.Exec()
		t.end()
	}
}

func (t *tx) end() {
	t.pool.free <- t.session
	t.session = nil
}

// close waits for the transactions under way and closes the connections.
func (p *pool) close() error {
	p.once.Do(func() {
		close(p.closed)
		var errs []error
		for range p.size {
			errs = append(errs, (<-p.free).conn.Close())
		}
		p.err = errors.Join(append(errs, p.db.Close())...)
	})
	return p.err
}
