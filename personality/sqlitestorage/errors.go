package sqlitestorage

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/warg-trillian/warg-trillian/personality/internal/sqlitepool"
)

var (
	// ErrInUse: another process, or another [Storage] of this one, has the folder
	// open.
	ErrInUse = errors.New("the folder is in use by another process: stop that one, or give another folder")
	// ErrNewerSchema: a newer version of this program has written the database.
	ErrNewerSchema = errors.New("the database was written by a newer version of this program: use that version or a later one")
)

var errClosed = status.Error(codes.Unavailable, "the storage is closed")

// failed turns an error of the database into a gRPC status: what was being done,
// and to which file. Statuses and the context's errors stay as they are.
func (s *Storage) failed(doing string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, sqlitepool.ErrClosed) {
		return errClosed
	}
	code, hint := codes.Internal, ""
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL:
		code, hint = codes.ResourceExhausted, " (the disk is full: nothing that was acknowledged is lost; free some space)"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		code = codes.Unavailable
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR:
		code, hint = codes.Unavailable, " (check the disk and the permissions of the folder)"
	}
	return status.Errorf(code, "%s: %s: %v%s", s.path, doing, err, hint)
}

// resultCode is SQLite's primary result code, 0 for other errors.
func resultCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

func isBusy(err error) bool { return resultCode(err) == sqlite3.SQLITE_BUSY }
