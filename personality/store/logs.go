package store

import (
	"bytes"
	"database/sql"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Log is a package log, or the operator's, as accepted so far.
type Log struct {
	ID      int64 // key in this database; 0 for a log that is not stored yet
	LogID   protocol.Hash
	Name    string // package name; empty for the operator log
	Length  uint64 // accepted records
	State   []byte // the log's state after them, without releases
	Waiting int    // records that wait beside the log
}

const logColumns = `id, log_id, name, length, state, waiting`

func (l *Log) scan(row scanner) error {
	err := row.Scan(&l.ID, scanHash(&l.LogID), &l.Name, &l.Length, &l.State, &l.Waiting)
	if l.State == nil {
		l.State = []byte{} // what is empty comes as nil, which cannot be stored
	}
	return err
}

// Log returns a log; [ErrNotFound] if no record of it was ever taken. In an
// Update no other transaction can change the log until this one ends.
func (tx *Tx) Log(logID protocol.Hash) (Log, error) {
	var l Log
	err := tx.rowInto(`SELECT `+logColumns+` FROM logs WHERE log_id = ?`+tx.forUpdate(), []any{logID[:]}, l.scan)
	return l, err
}

// Logs returns those of the logs that are there. In an Update no other
// transaction can change them until this one ends; they are locked in the order
// of their ids, so that two transactions wait for each other rather than lock
// each other out.
func (tx *Tx) Logs(ids []protocol.Hash) (map[protocol.Hash]*Log, error) {
	all := make(map[protocol.Hash]*Log, len(ids))
	err := batches(tx, sortedLogIDs(ids), func(batch []protocol.Hash) error {
		return tx.rows(`SELECT `+logColumns+` FROM logs`+tx.dialect.index(`log_id`)+` WHERE log_id IN (`+repeat(len(batch), `?`, `, `)+`) ORDER BY log_id`+tx.forUpdate(),
			hashArgs(batch), func(rows *sql.Rows) error {
				l := new(Log)
				err := l.scan(rows)
				all[l.LogID] = l
				return err
			})
	})
	return all, err
}

// sortedLogIDs are ids in the order in which logs are locked, each once.
func sortedLogIDs(ids []protocol.Hash) []protocol.Hash {
	ids = slices.SortedFunc(slices.Values(ids), func(a, b protocol.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// LogKeys returns the keys of logs by their ids, of those that are stored.
func (tx *Tx) LogKeys(ids []protocol.Hash) (map[protocol.Hash]int64, error) {
	keys := make(map[protocol.Hash]int64, len(ids))
	err := batches(tx, ids, func(batch []protocol.Hash) error {
		return tx.rows(`SELECT id, log_id FROM logs WHERE log_id IN (`+repeat(len(batch), `?`, `, `)+`)`, hashArgs(batch), func(rows *sql.Rows) error {
			var key int64
			var id protocol.Hash
			err := rows.Scan(&key, scanHash(&id))
			keys[id] = key
			return err
		})
	})
	return keys, err
}

// PublishedNames returns the package names of logs by their ids, of those of which
// a record is published.
func (tx *Tx) PublishedNames(ids []protocol.Hash) (map[protocol.Hash]string, error) {
	names := make(map[protocol.Hash]string, len(ids))
	err := batches(tx, ids, func(batch []protocol.Hash) error {
		return tx.rows(`SELECT l.log_id, l.name FROM logs l JOIN records r ON r.log = l.id AND r.position = 0
			WHERE l.log_id IN (`+repeat(len(batch), `?`, `, `)+`) AND r.registry_index IS NOT NULL`, hashArgs(batch), func(rows *sql.Rows) error {
			var id protocol.Hash
			var name string
			err := rows.Scan(scanHash(&id), &name)
			names[id] = name
			return err
		})
	})
	return names, err
}
