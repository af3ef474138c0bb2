// Package state keeps what an auditor knows in a folder: a SQLite database and a lock
// that keeps other processes out.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

// version is the version of the schema, SQLite's user_version.
const version = 1

const schema = `CREATE TABLE item (
	space TEXT NOT NULL,
	key   BLOB NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (space, key)
) WITHOUT ROWID, STRICT`

// Store is an [audit.Store] in a folder. It may be used by several goroutines, and by
// one process at a time.
type Store struct {
	dir  string
	lock *os.File // nil for one that is not kept
	db   *sql.DB
	get  *sql.Stmt
	list *sql.Stmt
}

// Open opens the store in a folder, which is made if it is missing (0700). Another
// process that has it open is an error. A commit is on disk when it returns, and after a
// crash at any point the store has what was committed.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	s := &Store{dir: dir, lock: lock}
	if err := s.open(filepath.Join(dir, "state.db"), "FULL"); err != nil {
		return nil, errors.Join(fmt.Errorf("state folder %s: %w", dir, err), s.Close())
	}
	return s, nil
}

// Temporary returns a store that ends with the process: what is in it stands in a
// temporary file rather than in memory.
func Temporary() (*Store, error) {
	dir, err := os.MkdirTemp("", "warg-auditor-")
	if err != nil {
		return nil, err
	}
	// Nobody finds the files any more once they are open.
	defer os.RemoveAll(dir)
	s := &Store{dir: dir}
	if err := s.open(filepath.Join(dir, "state.db"), "OFF"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(file, synchronous string) (err error) {
	options := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(" + synchronous + ")", "cache_size(-16384)", "temp_store(MEMORY)"}, "_txlock": {"immediate"}}
	if s.db, err = sql.Open("sqlite", "file:"+file+"?"+options.Encode()); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1) // whoever reads sees what was committed before
	if err := s.migrate(); err != nil {
		return err
	}
	if s.get, err = s.db.Prepare("SELECT value FROM item WHERE space = ? AND key = ?"); err != nil {
		return err
	}
	s.list, err = s.db.Prepare("SELECT key, value FROM item WHERE space = ? AND key > ? ORDER BY key LIMIT ?")
	return err
}

func (s *Store) migrate() error {
	var found int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&found); err != nil {
		return err
	}
	switch found {
	case version:
		return nil
	case 0:
		tx, err := s.db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.Exec(schema); err != nil {
			return err
		}
		if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
			return err
		}
		return tx.Commit()
	}
	return fmt.Errorf("it was written by another version of this program (schema %d, this one has %d); use that one, or a new folder", found, version)
}

// Get implements [audit.Store]. It takes microseconds, and its context is not watched:
// that would take longer.
func (s *Store) Get(ctx context.Context, space string, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var value []byte
	err := s.get.QueryRow(space, notNil(key)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", s.dir, err)
	}
	if value == nil {
		value = []byte{} // it is there, and empty
	}
	return value, nil
}

// List implements [audit.Store].
func (s *Store) List(ctx context.Context, space string, after []byte, limit int) ([]audit.Item, error) {
	rows, err := s.list.QueryContext(ctx, space, notNil(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", s.dir, err)
	}
	defer rows.Close()
	var items []audit.Item
	for rows.Next() {
		var item audit.Item
		if err := rows.Scan(&item.Key, &item.Value); err != nil {
			return nil, fmt.Errorf("read the state in %s: %w", s.dir, err)
		}
		item.Value = notNil(item.Value)
		items = append(items, item)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", s.dir, err)
	}
	return items, nil
}

// Commit implements [audit.Store].
func (s *Store) Commit(ctx context.Context, changes []audit.Put) error {
	if err := s.commit(ctx, changes); err != nil {
		return fmt.Errorf("write the state in %s: %w", s.dir, err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, changes []audit.Put) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put, err := tx.PrepareContext(ctx, "INSERT INTO item (space, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
	if err != nil {
		return err
	}
	remove, err := tx.PrepareContext(ctx, "DELETE FROM item WHERE space = ? AND key = ?")
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.Value == nil {
			_, err = remove.ExecContext(ctx, c.Space, notNil(c.Key))
		} else {
			_, err = put.ExecContext(ctx, c.Space, notNil(c.Key), c.Value)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// notNil is an empty slice for nil, which is NULL to SQLite.
func notNil(b []byte) []byte { return append([]byte{}, b...) }

// Close closes the database and lets other processes in.
func (s *Store) Close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
