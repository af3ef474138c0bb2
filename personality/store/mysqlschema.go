package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

const (
	// How long a process may wait for another that migrates the schema, and how
	// long one statement waits: vttablet ends those of half a minute.
	migrationWait = 2 * time.Minute
	lockWait      = 10 * time.Second
)

// migrateMySQL brings the schema up to date. One process does so at a time: the
// others wait for the lock that it has by its connection, and so lets go of
// however it ends. Statements that define tables cannot be undone, so each of a
// migration must bear being run again.
func migrateMySQL(ctx context.Context, cfg *mysql.Config) error {
	cfg = cfg.Clone()
	cfg.ReadTimeout = 0 // to change a big table takes its time
	db, err := openMySQL(cfg, sql.LevelRepeatableRead, minConnections)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := firstConnection(ctx, db)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := lockSchema(ctx, conn, cfg.DBName); err != nil {
		return err
	}
	versions, err := database.NewStore(goose.DialectMySQL, goose.DefaultTablename)
	if err != nil {
		return err
	}
	return migrate(ctx, db, mysqlVersions{versions}, "migrations/mysql", waitingMigrationMySQL())
}

// lockSchema gets the lock for migrations of a database, which the connection keeps.
// A vtgate may be there before a primary is, for which it waits as for a server.
func lockSchema(ctx context.Context, conn *sql.Conn, name string) error {
	// A lock's name has at most 64 characters, as a database's own may have.
	lock := fmt.Sprintf("warg schema %.16x", sha256.Sum256([]byte(strings.ToLower(name))))
	begin := time.Now()
	for {
		var locked sql.Null[int]
		err := conn.QueryRowContext(ctx, `SELECT GET_LOCK(?, ?)`, lock, int(lockWait.Seconds())).Scan(&locked)
		e := (*mysql.MySQLError)(nil)
		switch {
		case err == nil && locked.V == 1:
			return nil
		case err == nil && time.Since(begin) > migrationWait:
			return fmt.Errorf("another process has been migrating its schema for more than %v: wait for it, then start this one again", migrationWait)
		case err == nil:
		case !errors.As(err, &e) || !vitessPassing(e) || time.Since(begin) > startWait:
			return fmt.Errorf("lock its schema: %w", err)
		default:
			if err := pause(ctx); err != nil {
				return err
			}
		}
	}
}

// pause waits before a server is asked again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startPoll):
		return nil
	}
}

// mysqlVersions is the table in which goose notes versions. Whether it is there, goose
// asks for by DATABASE(), which on Vitess is the keyspace and not MySQL's database.
type mysqlVersions struct{ database.Store }

// TableExists implements goose's [database.StoreExtender].
func (v mysqlVersions) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	return shows(ctx, db, `SHOW TABLES LIKE '`+v.Tablename()+`'`)
}

// shows tells whether a SHOW statement returns a row. Migrations on MySQL ask in that
// way what is there, and not information_schema by DATABASE(), for the same reason.
func shows(ctx context.Context, on queryer, query string) (bool, error) {
	rows, err := on.QueryContext(ctx, query)
	if err != nil {
		return false, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	found := rows.Next()
	return found, rows.Err()
}
