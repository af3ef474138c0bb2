package store

import (
	"context"
	"errors"
	"io/fs"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

// ReasonFull is what [Unavailable] says of a database that has no room.
const ReasonFull = "its disk is full"

// The other reasons of [Unavailable].
const (
	reasonAway     = "it does not answer"
	reasonBusy     = "it has too much to do"
	reasonReadOnly = "it can only be read"
	reasonDisk     = "its disk fails"
	reasonMissing  = "its file is missing"
)

// Unavailable tells an error of this package that means that the database cannot
// be used now from all others, and says in a few words why. The words name no
// address, user or file. A transaction that was not committed for such a reason
// may be asked for again.
//
// An operation that ran out of time counts as a database that does not answer:
// the caller knows whether it was its own caller that gave up.
func Unavailable(err error) (reason string, unavailable bool) {
	if err == nil {
		return "", false
	}
	if errors.Is(err, files.ErrMoved) || errors.Is(err, fs.ErrNotExist) {
		reason = reasonMissing
	} else if e, ok := errors.AsType[*sqlite.Error](err); ok {
		reason = sqliteReason(e.Code())
	} else if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		if reason = mysqlReason(e.Number); reason == "" && vitessPassing(e) {
			reason = reasonAway
		}
	} else if connectionLost(err) || errors.Is(err, context.DeadlineExceeded) {
		reason = reasonAway
	}
	return reason, reason != ""
}

// sqliteReason takes an extended result code (sqlite.org/rescode.html), whose
// low byte is the code that it belongs to.
func sqliteReason(code int) string {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return reasonBusy
	case sqlite3.SQLITE_FULL:
		return ReasonFull
	case sqlite3.SQLITE_READONLY:
		if code == sqlite3.SQLITE_READONLY_DBMOVED {
			return reasonMissing
		}
		return reasonReadOnly
	case sqlite3.SQLITE_IOERR:
		return reasonDisk
	case sqlite3.SQLITE_CANTOPEN:
		return reasonMissing
	}
	return ""
}

// mysqlReason takes an error number of MySQL or MariaDB.
func mysqlReason(number uint16) string {
	switch number {
	case 3, 1026: // a file could not be written
		return reasonDisk
	case 1021, 1114: // disk full; table or tablespace full
		return ReasonFull
	case 1030: // the storage engine failed, as when its disk does
		return reasonDisk
	case 1290, 1792, 1836: // read-only: server, transaction, mode
		return reasonReadOnly
	case 1040, 1203, 1226: // connections or another resource used up
		return reasonBusy
	case 1205: // a lock was not got in time, again and again
		return reasonBusy
	}
	if mysqlAway(number) {
		return reasonAway
	}
	return ""
}
