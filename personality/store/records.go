package store

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RecordState is where a record stands. The numbers are stored.
type RecordState uint8

// The states of a record.
const (
	Sourcing   RecordState = 0 // content is missing
	Processing RecordState = 1 // complete, not published
	Published  RecordState = 2
	Rejected   RecordState = 3
)

// Record is an accepted record.
type Record struct {
	ID            int64 // key in this database, ascending in the order of acceptance
	Log           int64
	RecordID      protocol.Hash
	Position      *uint64 // place in its log; nil once rejected
	State         RecordState
	RegistryIndex *uint64 // leaf index; nil until published
	AcceptedAt    time.Time
	Envelope      []byte // protobuf
	StateBefore   []byte // its log's state before it; nil if it is the first, or published
	Reason        string // of the rejection
}

const recordColumns = `r.id, r.log, r.record_id, r.position, r.state, r.registry_index, r.accepted_at, r.envelope, r.state_before, COALESCE(r.reason, '')`

type scanner interface{ Scan(dest ...any) error }

func (r *Record) scan(row scanner) error {
	var id []byte
	var accepted int64
	var position, index sql.Null[uint64]
	err := row.Scan(&r.ID, &r.Log, &id, &position, &r.State, &index, &accepted, &r.Envelope, &r.StateBefore, &r.Reason)
	if err != nil {
		return err
	}
	if len(id) != protocol.HashSize {
		return fmt.Errorf("record %d has a record id of %d bytes", r.ID, len(id))
	}
	r.RecordID = protocol.Hash(id)
	r.Position, r.RegistryIndex = nullable(position), nullable(index)
	r.AcceptedAt = time.Unix(accepted, 0)
	return nil
}

func (tx *Tx) records(where string, args ...any) ([]Record, error) {
	var all []Record
	err := tx.rows(`SELECT `+recordColumns+` FROM records r `+where, args, func(rows *sql.Rows) error {
		var r Record
		if err := r.scan(rows); err != nil {
			return err
		}
		all = append(all, r)
		return nil
	})
	return all, err
}

func (tx *Tx) record(where string, args ...any) (Record, error) {
	all, err := tx.records(where, args...)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	return all[0], nil
}

// InsertRecord stores an accepted record and sets its ID.
func (tx *Tx) InsertRecord(r *Record) error {
	if tx.expected != nil {
		r.ID = tx.newKey()
		tx.later.records = append(tx.later.records, *r)
		return tx.wait(len(r.Envelope) + len(r.StateBefore))
	}
	res, err := tx.exec(`INSERT INTO records (log, record_id, position, state, accepted_at, envelope, state_before) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		r.Log, r.RecordID[:], r.Position, r.State, r.AcceptedAt.Unix(), r.Envelope, r.StateBefore)
	if err != nil {
		return err
	}
	r.ID, err = res.LastInsertId()
	return err
}

// Record returns a record of a log by its record id.
func (tx *Tx) Record(log int64, recordID protocol.Hash) (Record, error) {
	return tx.record(`WHERE r.log = ? AND r.record_id = ?`, log, recordID[:])
}

// RecordByID returns a record by its key.
func (tx *Tx) RecordByID(id int64) (Record, error) { return tx.record(`WHERE r.id = ?`, id) }

// RecordAt returns the record at a position of a log.
func (tx *Tx) RecordAt(log int64, position uint64) (Record, error) {
	return tx.record(`WHERE r.log = ? AND r.position = ?`, log, position)
}

// RecordsFrom returns the records of a log from a position on, in order.
func (tx *Tx) RecordsFrom(log int64, position uint64) ([]Record, error) {
	return tx.records(`WHERE r.log = ? AND r.position >= ? ORDER BY r.position`, log, position)
}

// PublishedRecords returns up to limit records of a log from a position on that
// are published below a length of the records log, in order.
func (tx *Tx) PublishedRecords(log int64, from, logLength uint64, limit int) ([]Record, error) {
	return tx.records(`WHERE r.log = ? AND r.position >= ? AND r.registry_index < ? ORDER BY r.position LIMIT ?`,
		log, from, logLength, limit)
}

// SetState changes the state of a record that is not published.
func (tx *Tx) SetState(record int64, s RecordState) error {
	_, err := tx.exec(`UPDATE records SET state = ? WHERE id = ?`, s, record)
	return err
}

// RejectRecord notes that a record will never be published and takes it out of
// its log.
func (tx *Tx) RejectRecord(record int64, reason string) error {
	_, err := tx.exec(`UPDATE records SET state = ?, reason = ?, position = NULL, state_before = NULL WHERE id = ?`, Rejected, reason, record)
	return err
}

// SourcingSince returns up to limit records that wait for content and were
// accepted before a time, as they are before their logs are locked.
func (tx *Tx) SourcingSince(before time.Time, limit int) ([]Record, error) {
	return tx.records(`WHERE r.id IN (SELECT record FROM missing_content) AND r.accepted_at < ? ORDER BY r.id LIMIT ?`, before.Unix(), limit)
}

// AddMissing notes that a record waits for a content.
func (tx *Tx) AddMissing(record int64, digest protocol.Hash) error {
	if tx.expected != nil {
		tx.later.missing = append(tx.later.missing, laterMissing{record, digest})
		return nil
	}
	_, err := tx.exec(`INSERT INTO missing_content (digest, record) VALUES (?, ?)`, digest[:], record)
	return err
}

// Missing returns the digests that a record waits for.
func (tx *Tx) Missing(record int64) ([]protocol.Hash, error) {
	var all []protocol.Hash
	err := tx.rows(`SELECT digest FROM missing_content WHERE record = ? ORDER BY digest`, []any{record}, func(rows *sql.Rows) error {
		var digest []byte
		if err := rows.Scan(&digest); err != nil {
			return err
		}
		all = append(all, protocol.Hash(digest))
		return nil
	})
	return all, err
}

// WaitingFor returns the records that wait for a content, as they are before
// their logs are locked.
func (tx *Tx) WaitingFor(digest protocol.Hash) ([]Record, error) {
	return tx.records(`JOIN missing_content m ON m.record = r.id WHERE m.digest = ? ORDER BY r.id`, digest[:])
}

// ContentArrived notes that a record does not wait for a content any more.
// Others that wait for it are left alone: one may have come since the caller
// looked, and nobody would look at that again.
func (tx *Tx) ContentArrived(record int64, digest protocol.Hash) error {
	_, err := tx.exec(`DELETE FROM missing_content WHERE digest = ? AND record = ?`, digest[:], record)
	return err
}

// ForgetMissing notes that a record waits for nothing any more.
func (tx *Tx) ForgetMissing(record int64) error {
	_, err := tx.exec(`DELETE FROM missing_content WHERE record = ?`, record)
	return err
}

// FirstPublished returns the first record of a log, if it is published;
// [ErrNotFound] otherwise.
func (tx *Tx) FirstPublished(log int64) (Record, error) {
	return tx.record(`WHERE r.log = ? AND r.position = 0 AND r.registry_index IS NOT NULL`, log)
}
