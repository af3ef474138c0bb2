package discovery

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"

	"modernc.org/sqlite" // the database/sql driver "sqlite", too
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/personality/internal/sqlitepool"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

//go:embed schema.sql
var schema string

// schemaVersion goes up with every change of the schema, or of what is stored by it: a file
// of another version is made anew.
const schemaVersion = 3

// errRemake: the file can not be used, and is to be made anew.
var errRemake = errors.New("the index is made anew")

// statements are those that were prepared on a connection, by their text.
type statements map[string]*sql.Stmt

// Close closes all.
func (s statements) Close() error {
	var errs []error
	for _, stmt := range s {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// database is the opened file.
type database struct {
	writes, reads *sqlitepool.Pool[statements]
	writing       sync.Mutex // held by the transaction that writes
	// known are words that are in the index; guarded by writing. Emptied when such a
	// transaction fails.
	known map[string]bool
	tags  map[tag]int64 // ids of some; as known

	mu   sync.RWMutex
	keys map[int64]protocol.KeyID // guarded by mu; of some ids
}

// openDatabase opens the file, and makes it if it is not there. An error that wraps
// errRemake: it is damaged or of another version.
func openDatabase(ctx context.Context, file string) (*database, error) {
	if err := files.PrepareSQLite(file); err != nil {
		return nil, err
	}
	setup, err := openFile(file, 1, pragma("wal_autocheckpoint(4000)"), pragma("cache_size(-16384)"), "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	if err := makeSchema(ctx, setup); err != nil {
		return nil, errors.Join(damage(err), setup.Close())
	}
	prepare := func(*sql.Conn) (statements, error) { return statements{}, nil }
	d := &database{known: map[string]bool{}, tags: map[tag]int64{}, keys: map[int64]protocol.KeyID{}}
	if d.writes, err = sqlitepool.Open(setup, 1, "BEGIN IMMEDIATE", prepare); err != nil {
		return nil, damage(err) // Open has closed what it took over
	}
	d.writes.Present = files.InPlace(file)
	readers := max(4, 2*runtime.NumCPU())
	reads, err := openFile(file, readers, "mode=rw", pragma("query_only(1)"), pragma("cache_size(-16384)"))
	if err == nil {
		d.reads, err = sqlitepool.Open(reads, readers, "BEGIN", prepare)
	}
	if err != nil {
		return nil, errors.Join(damage(err), d.writes.Close())
	}
	return d, nil
}

func (d *database) close() error { return errors.Join(d.reads.Close(), d.writes.Close()) }

// openFile makes connections. A commit is not on disk at once (synchronous=NORMAL): what a
// machine that loses power forgets is read again.
func openFile(file string, connections int, options ...string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + pragma("busy_timeout(10000)") + "&" + pragma("journal_mode(WAL)") + "&" + pragma("synchronous(NORMAL)")
	for _, o := range options {
		dsn += "&" + o
	}
	db, err := sql.Open("sqlite", dsn)
	if err == nil {
		db.SetMaxOpenConns(connections)
	}
	return db, err
}

func pragma(p string) string { return "_pragma=" + url.QueryEscape(p) }

func makeSchema(ctx context.Context, db *sql.DB) error {
	var version, tables int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	switch {
	case version == schemaVersion:
		return nil
	case version != 0 || tables != 0:
		return fmt.Errorf("%w: it was made by another release of the registry", errRemake)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// damage wraps errRemake around errors by which SQLite says that a file is damaged, or is
// none of its own.
func damage(err error) error {
	if broken, ok := errors.AsType[*sqlite.Error](err); ok {
		switch broken.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
			return fmt.Errorf("%w: its file is damaged: %w", errRemake, err)
		}
		if strings.Contains(broken.Error(), "no such ") { // table, column, index
			return fmt.Errorf("%w: its file is not as this release made it: %w", errRemake, err)
		}
	}
	if errors.Is(err, files.ErrMoved) {
		return fmt.Errorf("%w: its file was removed or replaced while it was in use", errRemake)
	}
	return err
}

// isFull says of an error that the disk takes nothing now: it is full, or does not work.
func isFull(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	return ok && (failed.Code()&0xff == sqlite3.SQLITE_FULL || failed.Code()&0xff == sqlite3.SQLITE_IOERR)
}

// keyOf is the key of an id; an id never means another one.
func (t tx) keyOf(id int64) (key protocol.KeyID, err error) {
	t.db.mu.RLock()
	key, known := t.db.keys[id]
	t.db.mu.RUnlock()
	if known {
		return key, nil
	}
	found, err := t.row(`SELECT key FROM keys WHERE id = ?`, []any{id}, (*string)(&key))
	if err != nil || !found {
		return key, err
	}
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	if len(t.db.keys) >= maxKnown {
		clear(t.db.keys)
	}
	t.db.keys[id] = key
	return key, nil
}

// removeFile removes the database and the files beside it.
func removeFile(file string) error {
	var errs []error
	for _, name := range []string{file, file + "-wal", file + "-shm", file + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Limits are written "? + 0": for a bare variable there SQLite compiles the statement anew
// each time that it is bound.

// tx is a transaction, or a connection for single statements.
type tx struct {
	*sqlitepool.Tx[statements]
	db *database
}

func (t tx) prepare(query string) (*sql.Stmt, error) {
	if s, ok := t.Statements[query]; ok {
		return s, nil
	}
	s, err := t.Conn().PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, query)
	}
	if len(t.Statements) < maxStatements {
		t.Statements[query] = s
	}
	return s, nil
}

// maxStatements bounds those that are kept of a connection; texts of queries with many
// values differ.
const maxStatements = 400

func (t tx) exec(query string, args ...any) (sql.Result, error) {
	s, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	defer t.drop(query, s)
	return s.Exec(args...)
}

// do is exec where the result is of no interest.
func (t tx) do(query string, args ...any) error {
	_, err := t.exec(query, args...)
	return err
}

// rows calls f with each row.
func (t tx) rows(query string, args []any, f func(scan func(...any) error) error) error {
	s, err := t.prepare(query)
	if err != nil {
		return err
	}
	defer t.drop(query, s)
	rows, err := s.Query(args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			if err == errEnough {
				return nil
			}
			return err
		}
	}
	return rows.Err()
}

// errEnough ends rows without an error.
var errEnough = errors.New("enough")

// row scans the first row, if there is one.
func (t tx) row(query string, args []any, into ...any) (found bool, err error) {
	err = t.rows(query, args, func(scan func(...any) error) error {
		found = true
		if err := scan(into...); err != nil {
			return err
		}
		return errEnough
	})
	return found, err
}

// drop closes a statement that is not kept.
func (t tx) drop(query string, s *sql.Stmt) {
	if t.Statements[query] != s {
		s.Close()
	}
}

// update runs f in a transaction that writes.
func (d *database) update(ctx context.Context, f func(tx) error) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	t, err := d.writes.Begin(ctx)
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err = f(tx{t, d}); err == nil {
		err = t.Commit()
	}
	if err != nil {
		clear(d.known)
		clear(d.tags)
	}
	return err
}

// view runs f on a snapshot.
func (d *database) view(ctx context.Context, f func(tx) error) error {
	t, err := d.reads.Begin(ctx)
	if err != nil {
		return err
	}
	defer t.Rollback()
	return f(tx{t, d})
}
