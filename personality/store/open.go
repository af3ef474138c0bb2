package store

import (
	"context"
	"log/slog"
)

// Database says where the registry's own state is kept. It is a [SQLite] or a
// [MySQL]: who reads the settings chooses one, and nobody else asks which.
type Database interface {
	// Open opens the database and brings its schema up to date. The log is told
	// what is wrong with connections.
	Open(ctx context.Context, log *slog.Logger) (*DB, error)
	// Shared says whether other processes may have it open at the same time.
	Shared() bool
}

// SQLite is a database in a file, see [OpenSQLite].
type SQLite struct{ File string }

// Open implements [Database].
func (s SQLite) Open(ctx context.Context, _ *slog.Logger) (*DB, error) {
	return OpenSQLite(ctx, s.File)
}

// Shared implements [Database].
func (SQLite) Shared() bool { return false }

// MySQL is a database on a server, named by a data source name in the form of
// go-sql-driver; see [OpenMySQL].
type MySQL struct{ DSN string }

// Check returns what is wrong with the form of the name, without quoting it.
func (m MySQL) Check() error {
	_, err := parseDSN(m.DSN)
	return err
}

// Open implements [Database].
func (m MySQL) Open(ctx context.Context, log *slog.Logger) (*DB, error) {
	return OpenMySQL(ctx, m.DSN, MySQLOptions{Logger: log})
}

// Shared implements [Database].
func (MySQL) Shared() bool { return true }

// String names no part of the data source name, which holds the password.
func (MySQL) String() string { return "MySQL" }

// GoString is [MySQL.String], for %#v.
func (m MySQL) GoString() string { return m.String() }
