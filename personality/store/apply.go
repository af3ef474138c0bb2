package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Changes are what one transaction makes of logs that it has locked, all of them
// together: so each table takes few statements, which across a network is what
// they cost.
type Changes struct {
	Logs     []*Log // to insert if their ID is 0, else to update
	Records  []*RecordChange
	Releases []NewRelease
	Yanks    []NewYank
}

// RecordChange is a record that is new, or that waited and changes.
type RecordChange struct {
	ID       int64 // 0: new; [Tx.Apply] sets it
	Log      *Log
	RecordID protocol.Hash
	State    RecordState // waiting, processing or rejected
	Position uint64      // processing: its place in its log
	Ready    bool        // processing: it may be sequenced
	Reason   string      // rejected: why

	// Of new records.
	At       time.Time // now
	Envelope []byte
	// Of new records that wait.
	Prev     protocol.AnyHash
	KeyID    protocol.KeyID
	Entries  int             // that it has
	Client   string          // who posted it, in whatever form; a hash of it is stored
	Contents []protocol.Hash // all that it names
	// Of records that wait: contents that are here, and the number of those that
	// are not.
	Arrived []protocol.Hash
	Missing int
}

// NewRelease is a version that a record releases.
type NewRelease struct {
	Log      *Log
	Version  string
	Content  string // digest text
	Released uint64 // position of the record
}

// NewYank is a version that a record yanks.
type NewYank struct {
	Log     *Log
	Version string
	Yanked  uint64 // position of the record
}

// maxStatementBytes bounds the values of one statement: well below the largest
// that a server takes.
const maxStatementBytes = 1 << 20

// Apply writes changes and sets the keys of what is new. If another process
// stores the same log or record at the same time, one of the two transactions is
// undone and, being run again, finds it.
func (tx *Tx) Apply(c *Changes) error {
	fresh, waited := splitRecords(c.Records)
	for _, step := range []func() error{
		func() error { return tx.putLogs(c.Logs) },
		func() error { return tx.insertRecords(fresh) },
		func() error { return tx.insertWaiting(fresh) },
		func() error { return tx.updateWaiting(waited) },
		func() error { return tx.insertReleases(c.Releases) },
		func() error { return tx.updateYanks(c.Yanks) },
		func() error { return tx.insertRejected(c.Records) },
		func() error { return tx.insertReady(c.Records) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func splitRecords(all []*RecordChange) (fresh, waited []*RecordChange) {
	for _, r := range all {
		if r.ID == 0 {
			fresh = append(fresh, r)
		} else {
			waited = append(waited, r)
		}
	}
	return fresh, waited
}

func (tx *Tx) putLogs(all []*Log) error {
	var fresh, known []*Log
	for _, l := range all {
		if l.ID == 0 {
			fresh = append(fresh, l)
		} else {
			known = append(known, l)
		}
	}
	return errors.Join(tx.insertLogs(fresh), tx.updateLogs(known))
}

func (tx *Tx) insertLogs(all []*Log) error {
	size := func(l *Log) int { return len(l.State) }
	return sizedBatches(tx, all, size, func(batch []*Log) error {
		args := make([]any, 0, 5*len(batch))
		for _, l := range batch {
			args = append(args, l.LogID[:], l.Name, l.Length, l.State, l.Waiting)
		}
		r, err := tx.exec(`INSERT INTO logs (log_id, name, length, state, waiting) VALUES `+repeat(len(batch), `(?, ?, ?, ?, ?)`, `, `), args...)
		return errors.Join(err, tx.inserted(r, len(batch), func(i int, key int64) { batch[i].ID = key }))
	})
}

func (tx *Tx) updateLogs(all []*Log) error {
	size := func(l *Log) int { return len(l.State) }
	return sizedBatches(tx, all, size, func(batch []*Log) error {
		if len(batch) == 1 {
			l := batch[0]
			_, err := tx.exec(`UPDATE logs SET length = ?, state = ?, waiting = ? WHERE id = ?`, l.Length, l.State, l.Waiting, l.ID)
			return err
		}
		var lengths, states, waitings, keys []any
		for _, l := range batch {
			lengths = append(lengths, l.ID, l.Length)
			states = append(states, l.ID, l.State)
			waitings = append(waitings, l.ID, l.Waiting)
			keys = append(keys, l.ID)
		}
		when := ` = CASE id ` + repeat(len(batch), `WHEN ? THEN ?`, ` `) + ` END`
		_, err := tx.exec(`UPDATE logs`+tx.dialect.index(`PRIMARY`)+` SET length`+when+`, state`+when+`, waiting`+when+` WHERE id IN (`+repeat(len(batch), `?`, `, `)+`)`,
			append(append(append(lengths, states...), waitings...), keys...)...)
		return err
	})
}

func (tx *Tx) insertRecords(fresh []*RecordChange) error {
	size := func(r *RecordChange) int { return len(r.Envelope) }
	return sizedBatches(tx, fresh, size, func(batch []*RecordChange) error {
		args := make([]any, 0, 7*len(batch))
		for _, r := range batch {
			var position, reason any
			switch r.State {
			case Processing:
				position = r.Position
			case Rejected:
				reason = r.Reason
			}
			args = append(args, r.Log.ID, r.RecordID[:], position, r.State, r.At.Unix(), r.Envelope, reason)
		}
		res, err := tx.exec(`INSERT INTO records (log, record_id, position, state, accepted_at, envelope, reason) VALUES `+
			repeat(len(batch), `(?, ?, ?, ?, ?, ?, ?)`, `, `), args...)
		return errors.Join(err, tx.inserted(res, len(batch), func(i int, key int64) { batch[i].ID = key }))
	})
}

// inserted gives the rows of one statement the keys that the database gave them.
// It says only the first; the others follow it in even steps, which are greater
// than one in a cluster that is written to at several places.
func (tx *Tx) inserted(r sql.Result, rows int, set func(i int, key int64)) error {
	if r == nil { // the statement failed
		return nil
	}
	first, err := r.LastInsertId()
	if err == nil && rows > 1 && tx.step == 0 {
		err = tx.row(`SELECT @@auto_increment_increment`, nil, &tx.step)
	}
	for i := range rows {
		set(i, first+int64(i)*tx.step)
	}
	return err
}

func (tx *Tx) insertReleases(all []NewRelease) error {
	return manyBatches(tx, all, func(batch []NewRelease) error {
		args := make([]any, 0, 4*len(batch))
		for _, r := range batch {
			args = append(args, r.Log.ID, r.Version, r.Content, r.Released)
		}
		_, err := tx.exec(`INSERT INTO releases (log, version, content, released) VALUES `+repeat(len(batch), `(?, ?, ?, ?)`, `, `), args...)
		return err
	})
}

func (tx *Tx) updateYanks(all []NewYank) error {
	for _, y := range all {
		if _, err := tx.exec(`UPDATE releases SET yanked = ? WHERE log = ? AND version = ?`, y.Yanked, y.Log.ID, y.Version); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) insertReady(all []*RecordChange) error {
	var ready []int64
	for _, r := range all {
		if r.State == Processing && r.Ready {
			ready = append(ready, r.ID)
		}
	}
	return tx.MarkReady(ready...)
}
