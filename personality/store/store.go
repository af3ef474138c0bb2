// Package store keeps the registry's own state in SQL: logs, records, releases,
// what is missing and what is ready, checkpoints, the tiles of the package
// index. It holds no rules; package registry does. The SQL is written for
// SQLite and MySQL alike; what differs between them is in a dialect.
//
// # Several processes
//
// On MySQL several processes work on one database. A log's row is the lock of
// that log: whoever changes its records, its releases or what waits beside it has
// read the row in the same [DB.Update] before ([Tx.Log], [Tx.Logs],
// [Tx.Sequenced]), and with that has the log alone until the transaction ends.
// Updates run at READ COMMITTED, so what is read of the log behind that is what
// was committed by whoever had it before; what was read of it earlier may be
// old and is to be read again. Nothing else may be concluded from a row that is
// not there.
package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNotFound: there is no such row.
var ErrNotFound = errors.New("not found in the registry's database")

// DB is the registry's database. Safe for concurrent use.
type DB struct {
	writes, reads pool
	dialect       dialect
	reserved      *DB // nil: there is no other
	probe         writeProbe
	risks         *riskWatch // nil but on Vitess
}

// Reserved returns the same database over a few connections of its own: for work
// that is not to wait for connections while many readers have them. It ends with
// db and is not to be closed.
func (db *DB) Reserved() *DB {
	if db.reserved == nil {
		return db
	}
	return db.reserved
}

// dialect is what differs between the databases.
type dialect struct {
	// forUpdate ends a SELECT whose rows the transaction will change. SQLite
	// needs nothing: a writing transaction holds the database's only write lock
	// from its beginning.
	forUpdate string
	// batch is how many rows one statement reads or writes at most. Across a
	// network a statement costs a round trip, so there it has many.
	batch int
	// index ends a table's name where a statement locks rows by the index of that
	// name. Without, MySQL reads a small table from end to end, and waits for
	// every row in it that somebody else has locked.
	index func(name string) string
	// limit ends a SELECT of at most as many rows as its last argument says.
	limit string
	// insertIgnore begins an INSERT that does nothing if the row is there.
	insertIgnore string
	// deleteKeys is a statement that deletes the rows with n keys from a table,
	// for the same reason without a look at others.
	deleteKeys func(table, key string, n int) string
	// passing tells whether a transaction that failed with an error before its
	// commit should be tried again. tries counts the times that it was.
	passing func(err error, tries int) bool
	// undone tells whether a commit that failed with an error certainly undid
	// the transaction, so that it may be tried again. nil: the database always
	// knows.
	undone func(err error) bool
}

// Close closes all connections.
func (db *DB) Close() error {
	err := errors.Join(db.writes.Close(), db.reads.Close())
	if db.reserved != nil {
		err = errors.Join(err, db.reserved.Close())
	}
	return err
}

// Tx is a transaction: a consistent snapshot when made by [DB.View], the right
// to write when made by [DB.Update]. Not safe for concurrent use.
type Tx struct {
	pool    pool
	tx      transaction
	dialect dialect
	text    bool  // statements are of odd sizes, and not worth being prepared
	step    int64 // between the keys of rows that one statement inserts; 0 before it is asked for
	failed  error // the first statement's that failed: no more are run, and nothing is committed
}

func (tx *Tx) stmt(query string) (statement, error) {
	if tx.failed != nil {
		return nil, tx.failed
	}
	s, err := tx.tx.statement(query, tx.text)
	if err != nil {
		return nil, tx.fail(query, err)
	}
	return s, nil
}

// forUpdate ends a SELECT whose rows this transaction will change.
func (tx *Tx) forUpdate() string {
	if tx.pool.reads() {
		return ""
	}
	return tx.dialect.forUpdate
}

// fail notes that a statement failed. The database may have undone the whole
// transaction, so that whatever came next would be a transaction of its own.
func (tx *Tx) fail(query string, err error) error {
	const most = 200
	if len(query) > most {
		query = query[:most] + "..."
	}
	err = fmt.Errorf("%s: %w", query, err)
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// Failed reports whether the database has failed in this transaction, which can not be
// committed then: other errors are those of whoever used it.
func (tx *Tx) Failed() bool { return tx.failed != nil }

// exec runs a statement and returns how many rows it changed and the id it gave.
func (tx *Tx) exec(query string, args ...any) (sql.Result, error) {
	s, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	r, err := s.Exec(args...)
	if err != nil {
		return nil, tx.fail(query, err)
	}
	return r, nil
}

// row reads the only row of a query into dest; [ErrNotFound] if there is none.
func (tx *Tx) row(query string, args []any, dest ...any) error {
	return tx.rowInto(query, args, func(row scanner) error { return row.Scan(dest...) })
}

// rowInto calls scan for the only row of a query; [ErrNotFound] if there is none.
func (tx *Tx) rowInto(query string, args []any, scan func(scanner) error) error {
	found := false
	err := tx.rows(query, args, func(rows *sql.Rows) error {
		found = true
		return scan(rows)
	})
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

// rows calls scan for each row of a query.
func (tx *Tx) rows(query string, args []any, scan func(*sql.Rows) error) error {
	s, err := tx.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return tx.fail(query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return tx.fail(query, err)
		}
	}
	if err := rows.Err(); err != nil {
		return tx.fail(query, err)
	}
	return nil
}

// batches calls f with as many items at a time as one statement takes. Batches
// of odd sizes are sent as text, or statements of all sizes would be kept.
func batches[T any](tx *Tx, items []T, f func([]T) error) error {
	defer func() { tx.text = false }()
	for batch := range slices.Chunk(items, tx.dialect.batch) {
		tx.text = len(batch) > 1 && len(batch) < tx.dialect.batch
		if err := f(batch); err != nil {
			return err
		}
	}
	return nil
}

// manyRows is how many small rows one statement reads or writes at most, where
// one record may have a thousand of them.
const manyRows = 64

// manyBatches is [batches] for small rows of which there may be very many.
func manyBatches[T any](tx *Tx, items []T, f func([]T) error) error {
	few := tx.dialect.batch
	defer func() { tx.dialect.batch = few }()
	tx.dialect.batch = max(few, manyRows)
	return batches(tx, items, f)
}

// sizedBatches is [batches] for items of some size: those of a batch have at most
// maxStatementBytes together, or there is one.
func sizedBatches[T any](tx *Tx, items []T, size func(T) int, f func([]T) error) error {
	for len(items) > 0 {
		n, bytes := 0, 0
		for n < len(items) && n < tx.dialect.batch {
			if bytes += size(items[n]); n > 0 && bytes > maxStatementBytes {
				break
			}
			n++
		}
		if err := batches(tx, items[:n], f); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// repeat returns n copies of a piece of SQL with a separator between them.
func repeat(n int, piece, separator string) string {
	return strings.Repeat(piece+separator, n-1) + piece
}
