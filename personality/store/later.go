package store

import (
	"database/sql"
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxLater is how many bytes of rows may wait to be inserted: well below the
// largest statement that a server takes.
const maxLater = 1 << 20

// later is rows that a transaction is still to insert: those of a whole group go
// by one statement a table, since across a network a statement costs a round
// trip.
type later struct {
	ready    []int64
	releases []laterRelease
	logs     []Log    // only if deferring, like those below
	records  []Record //
	missing  []laterMissing
	bytes    int // in logs and records
}

type laterRelease struct {
	log int64
	Release
}

type laterMissing struct {
	record int64
	digest protocol.Hash
}

// expected is what a group has read and locked beforehand of the logs that its
// members will ask for: nil for those that are not there. While it is not nil,
// logs and records are inserted later, and until then have keys below zero.
type expected map[protocol.Hash]*Log

// expect reads and locks logs in one statement.
func (tx *Tx) expect(ids []protocol.Hash) error {
	known := make(expected, len(ids))
	for _, id := range ids {
		known[id] = nil
	}
	err := batches(tx, sortedLogIDs(ids), func(batch []protocol.Hash) error {
		args := make([]any, len(batch))
		for i := range batch {
			args[i] = batch[i][:]
		}
		return tx.rows(`SELECT id, log_id, name, length, state FROM logs`+tx.dialect.index(`log_id`)+` WHERE log_id IN (`+repeat(len(batch), `?`, `, `)+`) ORDER BY log_id`+tx.forUpdate(),
			args, func(rows *sql.Rows) error {
				var l Log
				var logID []byte
				if err := rows.Scan(&l.ID, &logID, &l.Name, &l.Length, &l.State); err != nil {
					return err
				}
				l.LogID = protocol.Hash(logID)
				known[l.LogID] = &l
				return nil
			})
	})
	tx.expected, tx.keys = known, map[int64]int64{}
	return err
}

// wait counts the bytes of a row that waits, and inserts all if there are many.
func (tx *Tx) wait(bytes int) error {
	if tx.later.bytes += bytes; tx.later.bytes > maxLater {
		return tx.flush()
	}
	return nil
}

// newKey is a key for a row that has none yet.
func (tx *Tx) newKey() int64 {
	key := -int64(len(tx.keys)) - 1
	tx.keys[key] = 0
	return key
}

// key is the key in the database of a row that this transaction has inserted, or
// of any other.
func (tx *Tx) key(id int64) int64 {
	if settled, ok := tx.keys[id]; ok {
		return settled
	}
	return id
}

// settle comes before a statement of a group whose logs were expected: it inserts
// what waits, and puts keys of the database in the place of those given before.
func (tx *Tx) settle(args []any) error {
	if len(tx.keys) == 0 {
		return nil
	}
	if err := tx.flush(); err != nil {
		return err
	}
	for i, a := range args {
		if id, ok := a.(int64); ok {
			args[i] = tx.key(id)
		}
	}
	return nil
}

// flush inserts the rows. It comes before the commit, and before every statement
// of an Update that looks at their tables.
func (tx *Tx) flush() error {
	rows := tx.later
	tx.later = later{}
	for _, insert := range []func(later) error{tx.insertLogs, tx.insertRecords, tx.insertReleases, tx.insertMissing, tx.insertReady} {
		if err := insert(rows); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) insertLogs(l later) error {
	return batches(tx, l.logs, func(batch []Log) error {
		args, keys := make([]any, 0, 4*len(batch)), make([]int64, len(batch))
		for i, l := range batch {
			args, keys[i] = append(args, batch[i].LogID[:], l.Name, l.Length, l.State), l.ID
		}
		r, err := tx.execSettled(`INSERT INTO logs (log_id, name, length, state) VALUES `+repeat(len(batch), `(?, ?, ?, ?)`, `, `), args...)
		return errors.Join(err, tx.inserted(r, keys))
	})
}

func (tx *Tx) insertRecords(l later) error {
	return batches(tx, l.records, func(batch []Record) error {
		args, keys := make([]any, 0, 7*len(batch)), make([]int64, len(batch))
		for i, r := range batch {
			args = append(args, tx.key(r.Log), batch[i].RecordID[:], r.Position, r.State, r.AcceptedAt.Unix(), r.Envelope, r.StateBefore)
			keys[i] = r.ID
		}
		r, err := tx.execSettled(`INSERT INTO records (log, record_id, position, state, accepted_at, envelope, state_before) VALUES `+
			repeat(len(batch), `(?, ?, ?, ?, ?, ?, ?)`, `, `), args...)
		return errors.Join(err, tx.inserted(r, keys))
	})
}

// inserted notes the keys that the database gave to the rows of one statement.
// It says only the first; the others follow it in even steps, which are greater
// than one in a cluster that is written to at several places.
func (tx *Tx) inserted(r sql.Result, keys []int64) error {
	if r == nil { // the statement failed
		return nil
	}
	first, err := r.LastInsertId()
	if err == nil && len(keys) > 1 && tx.step == 0 {
		err = tx.row(`SELECT @@auto_increment_increment`, nil, &tx.step)
	}
	for i, key := range keys {
		tx.keys[key] = first + int64(i)*tx.step
	}
	return err
}

func (tx *Tx) insertReleases(l later) error {
	return batches(tx, l.releases, func(batch []laterRelease) error {
		args := make([]any, 0, 4*len(batch))
		for _, r := range batch {
			args = append(args, tx.key(r.log), r.Version, r.Content, r.Released)
		}
		_, err := tx.execSettled(`INSERT INTO releases (log, version, content, released) VALUES `+repeat(len(batch), `(?, ?, ?, ?)`, `, `), args...)
		return err
	})
}

func (tx *Tx) insertMissing(l later) error {
	return batches(tx, l.missing, func(batch []laterMissing) error {
		args := make([]any, 0, 2*len(batch))
		for i, m := range batch {
			args = append(args, batch[i].digest[:], tx.key(m.record))
		}
		_, err := tx.execSettled(`INSERT INTO missing_content (digest, record) VALUES `+repeat(len(batch), `(?, ?)`, `, `), args...)
		return err
	})
}

func (tx *Tx) insertReady(l later) error {
	return batches(tx, l.ready, func(batch []int64) error {
		args := make([]any, len(batch))
		for i, record := range batch {
			args[i] = tx.key(record)
		}
		_, err := tx.execSettled(`INSERT INTO ready (record) VALUES `+repeat(len(batch), `(?)`, `, `), args...)
		return err
	})
}
