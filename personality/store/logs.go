package store

import (
	"database/sql"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Log is a package log, or the operator's, as accepted so far.
type Log struct {
	ID     int64 // key in this database; 0 for a log that is not stored yet
	LogID  protocol.Hash
	Name   string // package name; empty for the operator log
	Length uint64 // accepted records
	State  []byte // the log's state after them, without releases
}

// Release is a version of a package as accepted so far.
type Release struct {
	Version  string
	Content  string // digest text
	Released uint64 // position of the record that released it
	Yanked   *uint64
}

// Log returns a log; [ErrNotFound] if no record of it was ever accepted. In an
// Update no other transaction can change the log until this one ends.
func (tx *Tx) Log(logID protocol.Hash) (Log, error) {
	l := Log{LogID: logID}
	if known, ok := tx.expected[logID]; ok && known == nil {
		return l, ErrNotFound
	} else if ok {
		return *known, nil
	}
	err := tx.row(`SELECT id, name, length, state FROM logs WHERE log_id = ?`+tx.forUpdate(),
		[]any{logID[:]}, &l.ID, &l.Name, &l.Length, &l.State)
	return l, err
}

// LogByID returns a log by its key. In an Update no other transaction can
// change it until this one ends.
func (tx *Tx) LogByID(id int64) (Log, error) {
	l := Log{ID: id}
	var logID []byte
	err := tx.row(`SELECT log_id, name, length, state FROM logs WHERE id = ?`+tx.forUpdate(),
		[]any{id}, &logID, &l.Name, &l.Length, &l.State)
	if err == nil {
		l.LogID = protocol.Hash(logID)
	}
	return l, err
}

// InsertLog stores a new log and sets its ID. If another process stores the same
// log at the same time, one of the two transactions is undone and, being run
// again, finds it.
func (tx *Tx) InsertLog(l *Log) error {
	if tx.expected != nil {
		delete(tx.expected, l.LogID)
		l.ID = tx.newKey()
		tx.later.logs = append(tx.later.logs, *l)
		return tx.wait(len(l.State))
	}
	r, err := tx.exec(`INSERT INTO logs (log_id, name, length, state) VALUES (?, ?, ?, ?)`, l.LogID[:], l.Name, l.Length, l.State)
	if err != nil {
		return err
	}
	l.ID, err = r.LastInsertId()
	return err
}

// UpdateLog stores the length and state of a log.
func (tx *Tx) UpdateLog(l Log) error {
	delete(tx.expected, l.LogID)
	_, err := tx.exec(`UPDATE logs SET length = ?, state = ? WHERE id = ?`, l.Length, l.State, l.ID)
	return err
}

// PublishedName returns the package name of a log of which a record is
// published; [ErrNotFound] otherwise.
func (tx *Tx) PublishedName(logID protocol.Hash) (string, error) {
	var name string
	err := tx.row(`SELECT l.name FROM logs l JOIN records r ON r.log = l.id AND r.position = 0
		WHERE l.log_id = ? AND r.registry_index IS NOT NULL`, []any{logID[:]}, &name)
	return name, err
}

// Release returns a version of a package; [ErrNotFound] if it is not released.
func (tx *Tx) Release(log int64, version string) (Release, error) {
	r := Release{Version: version}
	if err := tx.flush(); err != nil {
		return r, err
	}
	err := tx.row(`SELECT content, released, yanked FROM releases WHERE log = ? AND version = ?`,
		[]any{log, version}, &r.Content, &r.Released, &r.Yanked)
	return r, err
}

// InsertRelease stores a new version of a package. It is written with others of
// the transaction; an error comes then.
func (tx *Tx) InsertRelease(log int64, r Release) error {
	tx.later.releases = append(tx.later.releases, laterRelease{log, r})
	return nil
}

// Yank notes that the record at a position yanked a version.
func (tx *Tx) Yank(log int64, version string, position uint64) error {
	if err := tx.flush(); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE releases SET yanked = ? WHERE log = ? AND version = ?`, position, log, version)
	return err
}

// UndoReleases takes back what the records from a position on released and
// yanked.
func (tx *Tx) UndoReleases(log int64, from uint64) error {
	if err := tx.flush(); err != nil {
		return err
	}
	if _, err := tx.exec(`DELETE FROM releases WHERE log = ? AND released >= ?`, log, from); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE releases SET yanked = NULL WHERE log = ? AND yanked >= ?`, log, from)
	return err
}

// Meta returns a small fact about this database; [ErrNotFound] if it is not set.
func (tx *Tx) Meta(name string) ([]byte, error) {
	var value []byte
	err := tx.row(`SELECT value FROM meta WHERE name = ?`, []any{name}, &value)
	return value, err
}

// SetMeta stores a fact that was not stored before. If two processes do so at
// the same time, the second one's transaction is undone and, being run again,
// finds it.
func (tx *Tx) SetMeta(name string, value []byte) error {
	_, err := tx.exec(`INSERT INTO meta (name, value) VALUES (?, ?)`, name, value)
	return err
}

// nullable turns a nullable column into a pointer.
func nullable(n sql.Null[uint64]) *uint64 {
	if !n.Valid {
		return nil
	}
	return &n.V
}
