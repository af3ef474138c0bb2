package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MySQLOptions are what [OpenMySQL] is told beside the data source name.
type MySQLOptions struct {
	// MaxConnections bounds the connections to the database; 0 means 24, 8 is
	// the least. A quarter is for [DB.Reserved]; of each part a third writes.
	MaxConnections int
	// Logger is told what the driver finds wrong with connections; nil for
	// nobody.
	Logger *slog.Logger
}

const (
	defaultConnections = 24
	minConnections     = 8
	// Connections are closed here before the server or something between ends
	// them, and replaced now and then, so that they spread over the servers
	// behind an address.
	maxIdle = time.Minute
	// Connections that write are ended sooner where nothing is heard of them: a
	// process whose network hangs in the middle of a transaction has locks that
	// keep all others from publishing.
	maxWriteIdle = time.Second
	maxWriteWait = "3" // seconds; more than maxWriteIdle
	maxLifetime  = 10 * time.Minute
	// How long to wait for a server that does not answer yet, and how often to
	// ask it.
	startWait = 20 * time.Second
	startPoll = 250 * time.Millisecond
)

var mysqlDialect = dialect{
	forUpdate:    " FOR UPDATE",
	limit:        " LIMIT ?",
	insertIgnore: "INSERT IGNORE",
	batch:        200,
	index:        func(name string) string { return ` FORCE INDEX (` + name + `)` },
	deleteKeys: func(table, key string, n int) string { // a DELETE that names its table once takes no advice on indexes
		return `DELETE t FROM (SELECT ? AS k` + strings.Repeat(` UNION ALL SELECT ?`, n-1) + `) keys_ STRAIGHT_JOIN ` + table + ` t ON t.` + key + ` = keys_.k`
	},
	passing: mysqlPassing,
	undone:  mysqlUndone,
}

// OpenMySQL opens a database on a MySQL 8 or MariaDB 10.11 server (or a later
// one) by its data source name in go-sql-driver's form,
// user:password@tcp(host:port)/database?option=value, and brings its schema up
// to date; several processes may do so at once. A newer schema is refused. The
// database must exist. TLS, timeouts and session variables are as the name says;
// options that decide what a value means are set here whatever it says.
//
// Views read a snapshot (REPEATABLE READ), Updates run at READ COMMITTED: there
// a read behind a lock sees what was committed before the lock was got. At
// REPEATABLE READ it would see the snapshot from before the wait, and absent
// rows would be locked with the gaps around them, which makes deadlocks. A
// server that writes a binary log must write rows (binlog_format ROW or MIXED,
// as is the default), for READ COMMITTED allows nothing else.
//
// A vtgate of Vitess 24 is such a server, the database a keyspace of one shard; any
// other is refused. The logger is told which of its settings could lose records.
func OpenMySQL(ctx context.Context, dsn string, o MySQLOptions) (*DB, error) {
	cfg, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cfg.Logger = driverLogger{o.Logger}
	where := fmt.Sprintf("database %s at %s", cfg.DBName, cfg.Addr)
	vitess, err := vitessKeyspace(ctx, cfg)
	if err == nil && vitess {
		err = forVitess(cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if err := migrateMySQL(ctx, cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	connections := max(cmp.Or(o.MaxConnections, defaultConnections), minConnections)
	reserved := connections / 4
	db, err := openPools(cfg, connections-reserved)
	if err == nil {
		db.reserved, err = openPools(cfg, reserved)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if vitess {
		db.risks = &riskWatch{db: db.reserved.reads.(remotePool).DB, keyspace: cfg.DBName, log: o.Logger}
		db.reserved.risks = db.risks
		db.risks.look()
	}
	return db, nil
}

// openPools makes the pools of a DB, at least one connection each.
func openPools(cfg *mysql.Config, connections int) (*DB, error) {
	writing := cfg.Clone()
	writing.Params["wait_timeout"] = maxWriteWait
	writers := max(1, connections/3)
	writes, err := openMySQL(writing, sql.LevelReadCommitted, writers)
	if err != nil {
		return nil, err
	}
	writes.SetConnMaxIdleTime(maxWriteIdle)
	reads, err := openMySQL(cfg, sql.LevelRepeatableRead, max(1, connections-writers))
	if err != nil {
		writes.Close()
		return nil, err
	}
	return &DB{writes: remotePool{newSQLPool(writes, false)}, reads: remotePool{newSQLPool(reads, true)}, dialect: mysqlDialect}, nil
}

// remotePool is a pool of connections to a server.
type remotePool struct{ *sqlPool }

// Close closes the connections. What the driver says then is left out: that a server which
// went away could not be told of the end, and all that matters was answered before.
func (p remotePool) Close() error {
	_ = p.sqlPool.Close()
	return nil
}

// errDSN says how a data source name looks, and nothing of the one that is wrong:
// where its parts begin and end is not known, so any of them may be the password.
var errDSN = errors.New("the database's data source name is not of the form user:password@tcp(host:port)/database?option=value " +
	"(or user:password@unix(/path)/database), or an option has a value that it cannot have; these values are escaped as in URLs, the password is not")

// parseDSN reads a data source name and sets what this package relies on.
func parseDSN(dsn string) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errDSN // the driver's error may quote a part of the password
	}
	if cfg.DBName == "" {
		return nil, errors.New("the database's data source name has no database: write user:password@tcp(host:port)/database")
	}
	// What was split in the wrong place must not show in an error later.
	if cfg.Net != "tcp" && cfg.Net != "unix" || strings.ContainsAny(cfg.DBName, "@()") {
		return nil, errDSN
	}
	cfg.InterpolateParams = true
	cfg.ClientFoundRows = true // a compare-and-set asks how many rows it found
	cfg.RejectReadOnly = true  // after a failover: reconnect to the server that is now to be written to
	cfg.ParseTime, cfg.MultiStatements, cfg.AllowAllFiles = false, false, false
	cfg.Loc = time.UTC
	cfg.Collation = ""
	if err := cfg.Apply(mysql.Charset("binary", "")); err != nil { // texts are bytes: no conversion, no folding
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.ReadTimeout = cmp.Or(cfg.ReadTimeout, 20*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 20*time.Second)
	params := map[string]string{
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
		"innodb_lock_wait_timeout": "5",   // less than ReadTimeout
		"wait_timeout":             "120", // more than maxIdle; ends a connection, and its locks, whose client is gone
	}
	maps.Copy(params, cfg.Params)
	cfg.Params = params
	return cfg, nil
}

// openMySQL makes a pool of connections of one isolation level.
func openMySQL(cfg *mysql.Config, level sql.IsolationLevel, connections int) (*sql.DB, error) {
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{c, level})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(maxIdle)
	db.SetConnMaxLifetime(maxLifetime)
	return db, nil
}

// connector makes connections of one isolation level. A session variable in the
// data source name would not do: MySQL and MariaDB name it differently.
type connector struct {
	driver.Connector
	level sql.IsolationLevel
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL "+c.level.String(), nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// firstConnection waits for a server that is only just starting, as it may be
// where everything starts at once, or has no primary yet.
func firstConnection(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	for end := time.Now().Add(startWait); ; {
		conn, err := db.Conn(ctx)
		e, _ := errors.AsType[*mysql.MySQLError](err)
		if err == nil || !connectionLost(err) && (e == nil || !vitessPassing(e)) || time.Now().After(end) {
			return conn, err
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// Remote reports whether the database is a server, whose answers may never come
// when the network between hangs.
func (db *DB) Remote() bool { return db.dialect.passing != nil }

// driverLogger takes what the driver has to say about connections.
type driverLogger struct{ to *slog.Logger }

func (l driverLogger) Print(v ...any) {
	if l.to != nil {
		l.to.Debug("database connection", "finding", fmt.Sprint(v...))
	}
}
