package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Vitess speaks MySQL's protocol through vtgate and is opened as MySQL. What it does
// otherwise is here; facts are of Vitess 0.24.

// errSharded: a commit to several shards may come true in some of them only, and
// reads of several are no snapshot.
var errSharded = errors.New("the registry's database must be a Vitess keyspace with one shard, which is not marked as sharded in its VSchema; " +
	"give it such a keyspace of its own: vtctldclient CreateKeyspace, and tablets with --init-shard=0")

// vitessKeyspace tells whether a server is a vtgate, by a statement that only Vitess
// knows, and refuses a keyspace that is sharded.
func vitessKeyspace(ctx context.Context, cfg *mysql.Config) (vitess bool, err error) {
	cfg = cfg.Clone()
	cfg.Params = nil // vtgate asks a primary whether it takes them: vtgate alone is to answer here
	if err := cfg.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return false, err
	}
	plain, err := mysql.NewConnector(cfg)
	if err != nil {
		return false, err
	}
	db := sql.OpenDB(plain)
	defer db.Close()
	conn, err := firstConnection(ctx, db)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	shards, err := column(ctx, conn, `SHOW VITESS_SHARDS`, "Shards")
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) && !mysqlPassing(err, 0) {
		return false, nil // a syntax error
	}
	if err != nil {
		return false, err
	}
	marked, err := vitessSharded(ctx, conn, cfg.DBName)
	if err != nil {
		return true, err
	}
	own := 0
	for _, shard := range shards {
		if strings.HasPrefix(shard, cfg.DBName+"/") {
			own++
		}
	}
	// A name such as keyspace:-80 is of a shard and not of a keyspace: none is found.
	if marked || own != 1 {
		return true, fmt.Errorf("keyspace %s has %d shards: %w", cfg.DBName, own, errSharded)
	}
	return true, nil
}

// vitessSharded tells whether a keyspace is marked as sharded in the VSchema.
func vitessSharded(ctx context.Context, on queryer, keyspace string) (sharded bool, err error) {
	err = named(ctx, on, `SHOW VSCHEMA KEYSPACES`, func(row map[string]string) {
		if row["Keyspace"] == keyspace {
			sharded = row["Sharded"] == "true"
		}
	})
	return sharded, err
}

// forVitess is what [parseDSN] sets otherwise on Vitess, which refuses the character
// set binary and passes bytes on in utf8mb4. With the mode SINGLE it refuses
// transactions that change more than one shard, should the keyspace be given more.
func forVitess(cfg *mysql.Config) error {
	cfg.Params["transaction_mode"] = "'SINGLE'"
	return cfg.Apply(mysql.Charset("utf8mb4", ""))
}

// vitessAway are what vtgate and vttablet say, as error 1105, which is any error,
// while there is no primary, or it changes. Their texts are from
// go/vt/vterrors/constants.go, go/vt/vterrors/code.go (VT14), go/vt/vtgate/buffer
// and go/vt/vtgate/tabletgateway.go; code = Unavailable is gRPC's.
var vitessAway = regexp.MustCompile(`reparent operation in progress|is being resharded|no healthy tablet available|operation not allowed in state|` +
	`tx engine can't accept new connections|(wrong|invalid) tablet type|inconsistent state detected|buffer(ed| is|ing)? full|` +
	`failover|VT1400[123]|code = Unavailable`)

// vitessEnded is what vttablet says, as error 1317 (go/vt/vterrors/constants.go,
// TxClosed), of a transaction that it has undone, for its time or for a new primary.
var vitessEnded = regexp.MustCompile(`transaction ([a-z0-9:]+) (?:ended|not found|in use: for tx killer rollback)`)

// vitessPassing tells the errors of Vitess that [mysqlPassing] cannot tell by their
// numbers.
func vitessPassing(e *mysql.MySQLError) bool {
	return e.Number == 1105 && vitessAway.MatchString(e.Message) ||
		e.Number == 1317 && vitessEnded.MatchString(e.Message)
}

// queryer runs a statement that returns rows.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// column returns one column of what a SHOW statement returns.
func column(ctx context.Context, on queryer, query, name string) (values []string, err error) {
	err = named(ctx, on, query, func(row map[string]string) { values = append(values, row[name]) })
	return values, err
}

// named calls f for each row of a SHOW statement, whose columns differ between
// releases, with its values by the names of their columns.
func named(ctx context.Context, on queryer, query string, f func(row map[string]string)) error {
	rows, err := on.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := map[string]string{}
		for i, c := range columns {
			row[c] = values[i].String
		}
		f(row)
	}
	return rows.Err()
}
