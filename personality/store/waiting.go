package store

import (
	"database/sql"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// WaitingRecord is a record that waits beside its log: for content, or for the
// record that it follows.
type WaitingRecord struct {
	ID       int64 // key of the record
	Log      int64
	RecordID protocol.Hash
	Prev     protocol.AnyHash // the record that it follows, as its author wrote it; empty: the first
	Missing  int              // contents that are not here
	Signer   WaitingClient    // hash of the id of the key that signed it
	Entries  int
	Bytes    int64     // of its envelope
	ActiveAt time.Time // when it was posted, or something of its content came
}

// WaitingIn returns the records that wait beside logs, in the order in which they
// came.
func (tx *Tx) WaitingIn(logs []int64) ([]WaitingRecord, error) {
	var all []WaitingRecord
	err := batches(tx, logs, func(batch []int64) error {
		return tx.rows(`SELECT w.record, w.log, r.record_id, w.prev, w.missing, w.key_id, w.entries, w.bytes, w.active_at FROM waiting w JOIN records r ON r.id = w.record
			WHERE w.log IN (`+repeat(len(batch), `?`, `, `)+`) ORDER BY w.record`, anys(batch), func(rows *sql.Rows) error {
			var w WaitingRecord
			var prev string
			var active int64
			err := rows.Scan(&w.ID, &w.Log, scanHash(&w.RecordID), &prev, &w.Missing, scanHash((*protocol.Hash)(&w.Signer)), &w.Entries, &w.Bytes, &active)
			w.Prev, w.ActiveAt = protocol.AnyHash(prev), time.Unix(active, 0)
			all = append(all, w)
			return err
		})
	})
	return all, err
}

// Contents returns the contents that a waiting record names, and whether each is
// still missing; none for a record that does not wait.
func (tx *Tx) Contents(record int64) (map[protocol.Hash]bool, error) {
	missing := map[protocol.Hash]bool{}
	err := tx.rows(`SELECT digest, arrived FROM waiting_content WHERE record = ?`, []any{record}, func(rows *sql.Rows) error {
		var digest protocol.Hash
		var arrived bool
		err := rows.Scan(scanHash(&digest), &arrived)
		missing[digest] = !arrived
		return err
	})
	return missing, err
}

// Missing returns the digests that a record waits for, in order.
func (tx *Tx) Missing(record int64) ([]protocol.Hash, error) {
	var all []protocol.Hash
	err := tx.rows(`SELECT digest FROM waiting_content WHERE record = ? AND arrived = 0 ORDER BY digest`, []any{record}, func(rows *sql.Rows) error {
		var digest protocol.Hash
		err := rows.Scan(scanHash(&digest))
		all = append(all, digest)
		return err
	})
	return all, err
}

// WaitingPlace is a waiting record with the log that it waits beside.
type WaitingPlace struct {
	Record int64
	LogID  protocol.Hash
}

// WaitingFor returns up to limit records that miss a content, as they are before
// their logs are locked.
func (tx *Tx) WaitingFor(digest protocol.Hash, limit int) ([]WaitingPlace, error) {
	return tx.waitingPlaces(`JOIN waiting_content c ON c.record = w.record WHERE c.digest = ? AND c.arrived = 0 ORDER BY w.record`+tx.dialect.limit, digest[:], limit)
}

// InactiveSince returns up to limit records that miss content of which nothing
// came since a time, as they are before their logs are locked.
func (tx *Tx) InactiveSince(before time.Time, limit int) ([]WaitingPlace, error) {
	return tx.waitingPlaces(`WHERE w.active_at < ? AND w.missing > 0 ORDER BY w.active_at`+tx.dialect.limit, before.Unix(), limit)
}

func (tx *Tx) waitingPlaces(where string, args ...any) ([]WaitingPlace, error) {
	var all []WaitingPlace
	err := tx.rows(`SELECT w.record, l.log_id FROM waiting w JOIN logs l ON l.id = w.log `+where, args, func(rows *sql.Rows) error {
		var p WaitingPlace
		err := rows.Scan(&p.Record, scanHash(&p.LogID))
		all = append(all, p)
		return err
	})
	return all, err
}

// Active notes that content of a waiting record is coming.
func (tx *Tx) Active(record int64, at time.Time) error {
	_, err := tx.exec(`UPDATE waiting SET active_at = ? WHERE record = ?`, at.Unix(), record)
	return err
}

// WaitingTotal is how much waits.
type WaitingTotal struct {
	Records, Bytes int64
}

// WaitingOf counts what waits of those that one key has signed. Its cost grows
// with what is counted.
func (tx *Tx) WaitingOf(key protocol.KeyID) (WaitingTotal, error) {
	var t WaitingTotal
	err := tx.row(`SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM waiting WHERE key_id = ?`, []any{hashColumnOf(string(key))}, &t.Records, &t.Bytes)
	return t, err
}

// WaitingTotal counts all that waits. Its cost grows with that.
func (tx *Tx) WaitingTotal() (WaitingTotal, error) {
	var t WaitingTotal
	err := tx.row(`SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM waiting`, nil, &t.Records, &t.Bytes)
	return t, err
}

// WaitingClient is a client as it is stored with waiting records.
type WaitingClient protocol.Hash

// WaitingClientOf is what is stored of a client: its hash, since it may be any
// text, and need not be known.
func WaitingClientOf(client string) WaitingClient {
	return WaitingClient(protocol.HashOf([]byte(client)))
}

func hashColumnOf(text string) []byte {
	h := protocol.HashOf([]byte(text))
	return h[:]
}

// WaitingByClient counts what waits of each client. Its cost grows with all that
// waits.
func (tx *Tx) WaitingByClient() (map[WaitingClient]int64, error) {
	all := map[WaitingClient]int64{}
	err := tx.rows(`SELECT client, COUNT(*) FROM waiting GROUP BY client`, nil, func(rows *sql.Rows) error {
		var client protocol.Hash
		var count int64
		err := rows.Scan(scanHash(&client), &count)
		all[WaitingClient(client)] = count
		return err
	})
	return all, err
}

// NewestWaitingOf returns the record that came last of those of a client that
// wait; [ErrNotFound] if none does.
func (tx *Tx) NewestWaitingOf(client WaitingClient) (WaitingPlace, error) {
	all, err := tx.waitingPlaces(`WHERE w.client = ? ORDER BY w.record DESC LIMIT 1`, client[:])
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return WaitingPlace{}, err
	}
	return all[0], nil
}

// Arrived returns up to limit contents that have come and that more records may
// wait for.
func (tx *Tx) Arrived(limit int) ([]protocol.Hash, error) {
	var all []protocol.Hash
	err := tx.rows(`SELECT digest FROM arrived_content ORDER BY digest`+tx.dialect.limit, []any{limit}, func(rows *sql.Rows) error {
		var digest protocol.Hash
		err := rows.Scan(scanHash(&digest))
		all = append(all, digest)
		return err
	})
	return all, err
}

// AddArrived notes that a content has come that more records wait for.
func (tx *Tx) AddArrived(digest protocol.Hash) error {
	_, err := tx.exec(tx.dialect.insertIgnore+` INTO arrived_content (digest) VALUES (?)`, digest[:])
	return err
}

// ForgetArrived notes that no record waits any more for a content that has come.
func (tx *Tx) ForgetArrived(digest protocol.Hash) error {
	_, err := tx.exec(`DELETE FROM arrived_content WHERE digest = ?`, digest[:])
	return err
}

// RefusedContent returns why the content policy refuses a digest; [ErrNotFound]
// if it is not known to.
func (tx *Tx) RefusedContent(digest protocol.Hash) (string, error) {
	var reason string
	err := tx.row(`SELECT reason FROM refused_content WHERE digest = ?`, []any{digest[:]}, &reason)
	return reason, err
}

// RefuseContent notes that the content policy refuses a digest, and why.
func (tx *Tx) RefuseContent(digest protocol.Hash, reason string, at time.Time) error {
	_, err := tx.exec(tx.dialect.insertIgnore+` INTO refused_content (digest, reason, refused_at) VALUES (?, ?, ?)`, digest[:], reason, at.Unix())
	return err
}

// ForgetRefused forgets what was refused before a time.
func (tx *Tx) ForgetRefused(before time.Time) error {
	_, err := tx.exec(`DELETE FROM refused_content WHERE refused_at < ?`, before.Unix())
	return err
}

// RejectedPlace is a rejected record that may be forgotten.
type RejectedPlace struct {
	Record int64
	LogID  protocol.Hash
}

// RejectedBefore returns up to limit records that were rejected before a time.
func (tx *Tx) RejectedBefore(before time.Time, limit int) ([]RejectedPlace, error) {
	var all []RejectedPlace
	err := tx.rows(`SELECT x.record, l.log_id FROM rejected x JOIN records r ON r.id = x.record JOIN logs l ON l.id = r.log
		WHERE x.rejected_at < ? ORDER BY x.rejected_at, x.record`+tx.dialect.limit, []any{before.Unix(), limit}, func(rows *sql.Rows) error {
		var p RejectedPlace
		err := rows.Scan(&p.Record, scanHash(&p.LogID))
		all = append(all, p)
		return err
	})
	return all, err
}

// ForgetRejected deletes a rejected record, and its log if nothing else is left
// of that. The log was locked in this transaction.
func (tx *Tx) ForgetRejected(record int64, log Log) error {
	if _, err := tx.exec(`DELETE FROM rejected WHERE record = ?`, record); err != nil {
		return err
	}
	if _, err := tx.exec(`DELETE FROM records WHERE id = ? AND state = ?`, record, Rejected); err != nil {
		return err
	}
	if log.Length > 0 || log.Waiting > 0 {
		return nil
	}
	var left int
	if err := tx.row(`SELECT COUNT(*) FROM (SELECT id FROM records WHERE log = ? LIMIT 1) some`, []any{log.ID}, &left); err != nil || left > 0 {
		return err
	}
	_, err := tx.exec(`DELETE FROM logs WHERE id = ?`, log.ID)
	return err
}
