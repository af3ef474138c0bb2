package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// waitingVersion is the schema from which on records that miss content wait
// beside their logs. Before, they stood in them, with a copy of the log's state
// each, and were undone with all behind them if the content did not come.
const waitingVersion = 3

// runner is what a migration runs on: SQLite's transaction, or MySQL's
// connections, where tables cannot be changed in a transaction.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func waitingMigrationSQLite() *goose.Migration {
	m := waitingMigration{
		tables: []string{
			`CREATE TABLE waiting (record INTEGER PRIMARY KEY, log INTEGER NOT NULL, prev TEXT NOT NULL, key_id BLOB NOT NULL, client BLOB NOT NULL,
				entries INTEGER NOT NULL, bytes INTEGER NOT NULL, missing INTEGER NOT NULL, active_at INTEGER NOT NULL)`,
			`CREATE INDEX waiting_by_log ON waiting (log)`,
			`CREATE INDEX waiting_by_key ON waiting (key_id, bytes)`,
			`CREATE INDEX waiting_by_client ON waiting (client)`,
			`CREATE INDEX waiting_by_activity ON waiting (active_at)`,
			`CREATE TABLE waiting_content (digest BLOB NOT NULL, record INTEGER NOT NULL, arrived INTEGER NOT NULL, PRIMARY KEY (digest, record)) WITHOUT ROWID`,
			`CREATE INDEX waiting_content_by_record ON waiting_content (record)`,
			`CREATE TABLE arrived_content (digest BLOB PRIMARY KEY) WITHOUT ROWID`,
			`CREATE TABLE refused_content (digest BLOB PRIMARY KEY, reason TEXT NOT NULL, refused_at INTEGER NOT NULL) WITHOUT ROWID`,
			`CREATE INDEX refused_content_by_time ON refused_content (refused_at)`,
			`CREATE TABLE rejected (rejected_at INTEGER NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (rejected_at, record)) WITHOUT ROWID`,
			`CREATE INDEX rejected_by_record ON rejected (record)`,
			`CREATE INDEX releases_by_content ON releases (content)`,
			`ALTER TABLE logs ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0`,
		},
		last: []string{`DROP TABLE missing_content`, `ALTER TABLE records DROP COLUMN state_before`},
	}
	return goose.NewGoMigration(waitingVersion, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		if err := m.exec(ctx, tx, m.tables); err != nil {
			return err
		}
		for {
			more, err := m.moveLog(ctx, tx)
			if err != nil {
				return err
			}
			if !more {
				return m.exec(ctx, tx, m.last)
			}
		}
	}}, nil)
}

func waitingMigrationMySQL() *goose.Migration {
	m := waitingMigration{
		tables: []string{
			`CREATE TABLE IF NOT EXISTS waiting (record BIGINT NOT NULL PRIMARY KEY, log BIGINT NOT NULL, prev VARBINARY(255) NOT NULL, key_id VARBINARY(32) NOT NULL, client VARBINARY(32) NOT NULL,
				entries BIGINT NOT NULL, bytes BIGINT NOT NULL, missing BIGINT NOT NULL, active_at BIGINT NOT NULL, KEY log (log), KEY key_id (key_id, bytes), KEY client (client), KEY active_at (active_at)) ENGINE = InnoDB`,
			`CREATE TABLE IF NOT EXISTS waiting_content (digest VARBINARY(32) NOT NULL, record BIGINT NOT NULL, arrived TINYINT NOT NULL,
				PRIMARY KEY (digest, record), KEY record (record)) ENGINE = InnoDB`,
			`CREATE TABLE IF NOT EXISTS arrived_content (digest VARBINARY(32) NOT NULL PRIMARY KEY) ENGINE = InnoDB`,
			`CREATE TABLE IF NOT EXISTS refused_content (digest VARBINARY(32) NOT NULL PRIMARY KEY, reason BLOB NOT NULL, refused_at BIGINT NOT NULL, KEY refused_at (refused_at)) ENGINE = InnoDB`,
			`CREATE TABLE IF NOT EXISTS rejected (rejected_at BIGINT NOT NULL, record BIGINT NOT NULL, PRIMARY KEY (rejected_at, record), KEY record (record)) ENGINE = InnoDB`,
		},
	}
	return goose.NewGoMigration(waitingVersion, &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
		return m.runMySQL(ctx, db)
	}}, nil)
}

// runMySQL takes steps that may each have been taken already, by a process that
// ended before it could note the new version.
func (m waitingMigration) runMySQL(ctx context.Context, db *sql.DB) error {
	if err := m.exec(ctx, db, m.tables); err != nil {
		return err
	}
	if err := m.unless(ctx, db, `SHOW COLUMNS FROM logs LIKE 'waiting'`, true, `ALTER TABLE logs ADD COLUMN waiting BIGINT NOT NULL DEFAULT 0`); err != nil {
		return err
	}
	if err := m.unless(ctx, db, `SHOW INDEX FROM releases WHERE Key_name = 'content'`, true, `ALTER TABLE releases ADD KEY content (content)`); err != nil {
		return err
	}
	left, err := shows(ctx, db, `SHOW TABLES LIKE 'missing_content'`) // the old table goes when all of it was moved
	if err != nil {
		return err
	}
	if left {
		if err := m.moveLogs(ctx, db); err != nil {
			return err
		}
	}
	return m.unless(ctx, db, `SHOW COLUMNS FROM records LIKE 'state_before'`, false, `ALTER TABLE records DROP COLUMN state_before`)
}

// moveLogs moves what waits, a log in a transaction.
func (m waitingMigration) moveLogs(ctx context.Context, db *sql.DB) error {
	for more := true; more; {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if more, err = m.moveLog(ctx, tx); err != nil {
			tx.Rollback()
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return m.exec(ctx, db, []string{`DROP TABLE missing_content`})
}

// waitingMigration takes records that miss content, and those accepted behind
// them, out of their logs.
type waitingMigration struct{ tables, last []string }

func (waitingMigration) exec(ctx context.Context, r runner, statements []string) error {
	for _, s := range statements {
		if _, err := r.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// unless runs a statement unless something is there, which a SHOW statement tells, or
// is not.
func (m waitingMigration) unless(ctx context.Context, r runner, show string, there bool, statement string) error {
	found, err := shows(ctx, r, show)
	if err != nil || found == there {
		return err
	}
	return m.exec(ctx, r, []string{statement})
}

// oldRecord is a record of the old schema that will wait.
type oldRecord struct {
	id       int64
	position uint64
	accepted int64
	recordID protocol.Hash
	before   []byte // the state of its log before it; nil for none
	envelope []byte
}

// moveLog takes the records behind the last complete one of some log out of it,
// and tells whether there was such a log.
func (m waitingMigration) moveLog(ctx context.Context, r runner) (bool, error) {
	var log int64
	var first uint64
	err := r.QueryRowContext(ctx, `SELECT r.log, MIN(r.position) FROM missing_content m JOIN records r ON r.id = m.record
		WHERE r.state = 0 AND r.position IS NOT NULL GROUP BY r.log LIMIT 1`).Scan(&log, &first)
	if err == sql.ErrNoRows {
		_, err := r.ExecContext(ctx, `INSERT INTO rejected (rejected_at, record) SELECT ?, id FROM records
			WHERE state = 3 AND id NOT IN (SELECT record FROM rejected)`, time.Now().Unix())
		return false, err
	}
	if err != nil {
		return false, err
	}
	records, err := m.recordsFrom(ctx, r, log, first)
	if err != nil {
		return false, err
	}
	prev, err := m.recordBefore(ctx, r, log, first)
	if err != nil {
		return false, err
	}
	for _, record := range records {
		if err := m.moveRecord(ctx, r, log, record, prev); err != nil {
			return false, fmt.Errorf("record %s: %w", record.recordID, err)
		}
		prev = record.recordID.Any()
	}
	state := records[0].before
	if state == nil {
		state = []byte{}
	}
	for _, s := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM releases WHERE log = ? AND released >= ?`, []any{log, first}},
		{`UPDATE releases SET yanked = NULL WHERE log = ? AND yanked >= ?`, []any{log, first}},
		{`UPDATE logs SET length = ?, state = ?, waiting = ? WHERE id = ?`, []any{first, state, len(records), log}},
	} {
		if _, err := r.ExecContext(ctx, s.query, s.args...); err != nil {
			return false, fmt.Errorf("%s: %w", s.query, err)
		}
	}
	return true, nil
}

func (waitingMigration) recordsFrom(ctx context.Context, r runner, log int64, first uint64) ([]oldRecord, error) {
	rows, err := r.QueryContext(ctx, `SELECT id, position, accepted_at, record_id, state_before, envelope FROM records WHERE log = ? AND position >= ? ORDER BY position`, log, first)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []oldRecord
	for rows.Next() {
		var o oldRecord
		if err := rows.Scan(&o.id, &o.position, &o.accepted, scanHash(&o.recordID), &o.before, &o.envelope); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}

func (waitingMigration) recordBefore(ctx context.Context, r runner, log int64, position uint64) (protocol.AnyHash, error) {
	if position == 0 {
		return "", nil
	}
	var id protocol.Hash
	err := r.QueryRowContext(ctx, `SELECT record_id FROM records WHERE log = ? AND position = ?`, log, position-1).Scan(scanHash(&id))
	return id.Any(), err
}

func (m waitingMigration) moveRecord(ctx context.Context, r runner, log int64, o oldRecord, prev protocol.AnyHash) error {
	envelope, err := protocol.UnmarshalEnvelopeProto(o.envelope)
	if err != nil {
		return err
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return err
	}
	missing := 0
	for _, text := range record.Record.Contents() {
		digest, err := text.Hash()
		if err != nil {
			return err
		}
		var waits int
		if err := r.QueryRowContext(ctx, `SELECT COUNT(*) FROM missing_content WHERE digest = ? AND record = ?`, digest[:], o.id).Scan(&waits); err != nil {
			return err
		}
		missing += waits
		if _, err := r.ExecContext(ctx, `INSERT INTO waiting_content (digest, record, arrived) VALUES (?, ?, ?)`, digest[:], o.id, 1-waits); err != nil {
			return err
		}
	}
	if _, err := r.ExecContext(ctx, `INSERT INTO waiting (record, log, prev, key_id, client, entries, bytes, missing, active_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		o.id, log, string(prev), hashColumnOf(string(envelope.KeyID)), hashColumnOf(string(envelope.KeyID)), len(record.Record.Entries), len(o.envelope), missing, time.Now().Unix()); err != nil {
		return err
	}
	_, err = r.ExecContext(ctx, `UPDATE records SET state = 0, position = NULL WHERE id = ?`, o.id)
	return err
}
