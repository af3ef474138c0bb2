package sqlitestorage

import (
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

// fileLock keeps other processes, and other calls of Open, out of the folder.
// It is the lock of a SQLite file of its own, because that works, and is let go
// when the process dies, wherever SQLite runs.
type fileLock struct {
	db   *sql.DB
	tx   *sql.Tx
	once sync.Once
	err  error // of release
}

func takeLock(path string) (*fileLock, error) {
	if err := files.PrepareSQLite(path); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: "_txlock=exclusive&_busy_timeout=0&_error_rc=1"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	tx, err := db.Begin()
	if err != nil {
		if isBusy(err) {
			err = ErrInUse
		}
		return nil, errors.Join(err, db.Close())
	}
	return &fileLock{db: db, tx: tx}, nil
}

func (l *fileLock) release() error {
	l.once.Do(func() { l.err = errors.Join(l.tx.Rollback(), l.db.Close()) })
	return l.err
}
