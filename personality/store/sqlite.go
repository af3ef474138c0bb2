package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"runtime"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/warg-trillian/warg-trillian/personality/files"
)

// sqliteDialect: statements cost no round trip, so they are best when small; one
// process writes at a time, so nothing fails in passing.
var sqliteDialect = dialect{
	// A bare variable there has SQLite compile the statement anew each time that it is
	// bound, to make use of its value.
	limit:        " LIMIT ? + 0",
	insertIgnore: "INSERT OR IGNORE",
	batch:        1,
	index:        func(string) string { return "" },
	deleteKeys: func(table, key string, n int) string {
		return `DELETE FROM ` + table + ` WHERE ` + key + ` IN (` + repeat(n, `?`, `, `) + `)`
	},
}

//go:embed migrations
var migrations embed.FS

// OpenSQLite opens the database in the given file, makes it if it is not there,
// and brings its schema up to date. A file with a newer schema is refused. One
// process at a time may have it open for writing; the caller sees to that. Only the owner of the file can read and write it.
func OpenSQLite(ctx context.Context, file string) (*DB, error) {
	if err := files.PrepareSQLite(file); err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	writes, err := openSQLite(file, 1, "_txlock=immediate", pragma("cache_size(-12288)"), pragma("wal_autocheckpoint(4000)"))
	if err != nil {
		return nil, err
	}
	versions, err := database.NewStore(goose.DialectSQLite3, goose.DefaultTablename)
	if err == nil {
		err = migrate(ctx, writes, versions, "migrations/sqlite", waitingMigrationSQLite())
	}
	if err != nil {
		writes.Close()
		return nil, fmt.Errorf("database %s: %w", file, err)
	}
	db := &DB{writes: newSQLPool(writes, false), dialect: sqliteDialect, probe: writeProbe{present: files.InPlace(file)}}
	// mode=rw: a file that was removed is an error, and not made again, empty.
	readers := max(4, 2*runtime.NumCPU())
	reads, err := openSQLite(file, readers, "mode=rw", pragma("query_only(1)"), pragma("cache_size(-2048)"))
	if err == nil {
		db.reads, err = openSQLitePool(reads, readers)
	}
	if err != nil {
		return nil, errors.Join(err, writes.Close())
	}
	return db, nil
}

// openSQLite makes a pool of connections whose commits are on disk before they
// are acknowledged (synchronous=FULL), with readers that never wait for the
// writer (WAL).
func openSQLite(file string, connections int, options ...string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?" +
		pragma("busy_timeout(10000)") + "&" + pragma("journal_mode(WAL)") + "&" + pragma("synchronous(FULL)")
	for _, o := range options {
		dsn += "&" + o
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func pragma(p string) string { return "_pragma=" + url.QueryEscape(p) }

// migrate brings the schema to the newest version that this program knows, and
// refuses one that is newer still.
func migrate(ctx context.Context, db *sql.DB, versions database.Store, dir string, inGo ...*goose.Migration) error {
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectCustom, db, files, goose.WithStore(versions), goose.WithGoMigrations(inGo...))
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read its schema version: %w", err)
	}
	if current > newest {
		return fmt.Errorf("its schema has version %d, made by a newer release; this one knows versions up to %d: run the newer release", current, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate its schema from version %d to %d: %w", current, newest, err)
	}
	return nil
}
