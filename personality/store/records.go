package store

import (
	"database/sql"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RecordState is where a record stands. The numbers are stored.
type RecordState uint8

// The states of a record. Only a waiting one has a row among the waiting
// records; only processing and published ones have a position.
const (
	Waiting    RecordState = 0 // beside its log, for content or for the record before it
	Processing RecordState = 1 // in its log, not published
	Published  RecordState = 2
	Rejected   RecordState = 3
)

// Record is a record that was taken.
type Record struct {
	ID            int64 // key in this database
	Log           int64
	RecordID      protocol.Hash
	Position      *uint64 // place in its log; nil outside of it
	State         RecordState
	RegistryIndex *uint64   // leaf index; nil until published
	AcceptedAt    time.Time // when it was taken
	Envelope      []byte    // protobuf
	Reason        string    // of the rejection
}

const recordColumns = `r.id, r.log, r.record_id, r.position, r.state, r.registry_index, r.accepted_at, r.envelope, COALESCE(r.reason, '')`

type scanner interface{ Scan(dest ...any) error }

func (r *Record) scan(row scanner) error {
	var accepted int64
	var position, index sql.Null[uint64]
	err := row.Scan(&r.ID, &r.Log, scanHash(&r.RecordID), &position, &r.State, &index, &accepted, &r.Envelope, &r.Reason)
	r.Position, r.RegistryIndex = nullable(position), nullable(index)
	r.AcceptedAt = time.Unix(accepted, 0)
	return err
}

// nullable turns a nullable column into a pointer.
func nullable(n sql.Null[uint64]) *uint64 {
	if !n.Valid {
		return nil
	}
	return &n.V
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

// RecordRef is a record without what is long of it.
type RecordRef struct {
	ID       int64
	Log      int64
	RecordID protocol.Hash
	State    RecordState
}

// RecordsWithIDs returns the records with some record ids, in whatever logs.
func (tx *Tx) RecordsWithIDs(ids []protocol.Hash) ([]RecordRef, error) {
	var all []RecordRef
	err := batches(tx, ids, func(batch []protocol.Hash) error {
		some, err := tx.refs(`record_id IN (`+repeat(len(batch), `?`, `, `)+`)`, hashArgs(batch)...)
		all = append(all, some...)
		return err
	})
	return all, err
}

// RecordKey names a record of a log.
type RecordKey struct {
	Log      int64
	RecordID protocol.Hash
}

// PublishedPositions returns the places of records in their logs, of those that are
// published.
func (tx *Tx) PublishedPositions(keys []RecordKey) (map[RecordKey]uint64, error) {
	positions := make(map[RecordKey]uint64, len(keys))
	err := batches(tx, keys, func(batch []RecordKey) error {
		args := make([]any, 0, 2*len(batch))
		for i := range batch {
			args = append(args, batch[i].Log, batch[i].RecordID[:])
		}
		return tx.rows(`SELECT log, record_id, position, state FROM records WHERE `+repeat(len(batch), `(log = ? AND record_id = ?)`, ` OR `), args, func(rows *sql.Rows) error {
			var key RecordKey
			var position sql.Null[uint64]
			var state RecordState
			err := rows.Scan(&key.Log, scanHash(&key.RecordID), &position, &state)
			if state == Published {
				positions[key] = position.V
			}
			return err
		})
	})
	return positions, err
}

// RecordsAt returns the records at places of logs.
func (tx *Tx) RecordsAt(places []Place) ([]RecordRef, error) {
	var all []RecordRef
	err := batches(tx, places, func(batch []Place) error {
		args := make([]any, 0, 2*len(batch))
		for _, p := range batch {
			args = append(args, p.Log, p.Position)
		}
		some, err := tx.refs(repeat(len(batch), `(log = ? AND position = ?)`, ` OR `), args...)
		all = append(all, some...)
		return err
	})
	return all, err
}

func (tx *Tx) refs(where string, args ...any) ([]RecordRef, error) {
	var all []RecordRef
	err := tx.rows(`SELECT id, log, record_id, state FROM records WHERE `+where, args, func(rows *sql.Rows) error {
		var r RecordRef
		err := rows.Scan(&r.ID, &r.Log, scanHash(&r.RecordID), &r.State)
		all = append(all, r)
		return err
	})
	return all, err
}

// FirstPublished returns the first record of a log, if it is published;
// [ErrNotFound] otherwise.
func (tx *Tx) FirstPublished(log int64) (Record, error) {
	return tx.record(`WHERE r.log = ? AND r.position = 0 AND r.registry_index IS NOT NULL`, log)
}

// UnpublishedRecord is a record that is not published below some index.
type UnpublishedRecord struct {
	Name     string // of the package; "" for the operator log
	RecordID protocol.Hash
	// Waits tells that it waits beside its log, for content or for another record.
	Waits bool
}

// NotBelow returns up to limit records, in the order in which they were taken, that are not
// published at an index below some length, nor rejected.
func (tx *Tx) NotBelow(length uint64, limit int) (all []UnpublishedRecord, err error) {
	err = tx.rows(`SELECT l.name, r.record_id, r.state FROM records r JOIN logs l ON l.id = r.log
		WHERE (r.registry_index IS NULL OR r.registry_index >= ?) AND r.state <> ? ORDER BY r.id`+tx.dialect.limit, []any{length, Rejected, limit}, func(rows *sql.Rows) error {
		var u UnpublishedRecord
		var state RecordState
		err := rows.Scan(&u.Name, scanHash(&u.RecordID), &state)
		u.Waits = state == Waiting
		all = append(all, u)
		return err
	})
	return all, err
}
