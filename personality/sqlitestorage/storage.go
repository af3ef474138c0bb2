// Package sqlitestorage stores Trillian's logs in one SQLite file. It implements
// Trillian's storage interfaces for LOG and PREORDERED_LOG trees; it is meant
// for a log server and signer that run in one process.
//
// What is acknowledged is on disk: commits are synced (WAL, synchronous=FULL).
// QueueLeaves calls that come while a commit is under way share the next one, so
// a leaf does not cost a disk sync of its own. Reads are snapshots on connections
// of their own: they neither block the writer nor wait for it.
//
// # Layout
//
// A leaf gets its index in the log when it is queued, not when it is integrated:
// leaves are dequeued in the order of queueing and none is ever dropped, so the
// index is known by then. Integrating a batch therefore writes no leaf rows, only
// the batch's end. The Merkle tree is kept as tiles of up to 32 hashes at every
// fifth level, much as Go's checksum database has it; the levels between are
// recomputed, and no hash ever changes.
package sqlitestorage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/google/trillian/storage"

	_ "modernc.org/sqlite" // the database driver "sqlite"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/personality/internal/sqlitepool"
)

const (
	databaseFile = "trillian.db"
	lockFile     = "trillian.lock"

	// readConnections is how many snapshots can be open at a time; further ones
	// wait for their turn.
	readConnections = 4
	// busyTimeoutMillis is how long a statement waits for a lock inside the file.
	// Only checkpointing of the WAL ever needs it: there is one writer.
	busyTimeoutMillis = 10_000
)

// Storage is an open database. It implements [storage.Provider] and is safe for
// concurrent use.
type Storage struct {
	path   string
	lock   *fileLock
	writer *pool // one connection
	reader *pool // readConnections connections, read-only
	queue  *queue
	trees  treeCache
}

var _ storage.Provider = (*Storage)(nil)

// Open opens the database in the folder dir, making both if they are missing.
//
// The folder belongs to one process at a time: while another one has it open the
// error is [ErrInUse]. A database written by a newer version of this package is
// refused with [ErrNewerSchema]. Only the owner of the files can read and write
// them.
func Open(dir string) (*Storage, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("Trillian database %s: %w", filepath.Join(dir, databaseFile), err)
	}
	path, err := filepath.Abs(filepath.Join(dir, databaseFile))
	if err != nil {
		return nil, fmt.Errorf("Trillian database: %w", err)
	}
	lock, err := takeLock(filepath.Join(filepath.Dir(path), lockFile))
	if err != nil {
		return nil, fmt.Errorf("Trillian database %s: %w", path, err)
	}
	s := &Storage{path: path, lock: lock}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("Trillian database %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Storage) open() (err error) {
	s.queue = newQueue(s.commitQueued)
	if err := files.PrepareSQLite(s.path); err != nil {
		return err
	}
	if err := migrate(s.path); err != nil {
		return err
	}
	if s.writer, err = s.connect(1, "BEGIN IMMEDIATE", url.Values{
		"_pragma": {
			"cache_size(-4096)", // KiB
			"wal_autocheckpoint(1000)",
			"journal_size_limit(16777216)", // a WAL that grew beyond 16 MiB shrinks again
		},
	}); err != nil {
		return err
	}
	s.writer.Present = files.InPlace(s.path)
	s.reader, err = s.connect(readConnections, "BEGIN", url.Values{
		"_query_only": {"on"},
		"_pragma":     {"cache_size(-1024)"},
	})
	return err
}

func (s *Storage) connect(connections int, begin string, params url.Values) (*pool, error) {
	db, err := sql.Open("sqlite", dsn(s.path, params))
	if err != nil {
		return nil, err
	}
	return sqlitepool.Open(db, connections, begin, prepare)
}

// dsn adds to params what all connections have in common.
func dsn(path string, params url.Values) string {
	params.Set("_busy_timeout", fmt.Sprint(busyTimeoutMillis))
	params.Set("_journal_mode", "WAL")
	params.Set("_synchronous", "FULL")
	params.Set("_foreign_keys", "on")
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: params.Encode()}
	return u.String()
}

// Close waits for the transactions under way and closes the database.
func (s *Storage) Close() error {
	s.queue.close()
	var errs []error
	for _, p := range []*pool{s.reader, s.writer} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	errs = append(errs, s.lock.release())
	return errors.Join(errs...)
}

// LogStorage implements [storage.Provider].
func (s *Storage) LogStorage() storage.LogStorage { return (*logStorage)(s) }

// AdminStorage implements [storage.Provider].
func (s *Storage) AdminStorage() storage.AdminStorage { return (*adminStorage)(s) }

// checkAccessible reads from the database.
func (s *Storage) checkAccessible(ctx context.Context) error {
	_, err := s.readTrees(ctx)
	return err
}
