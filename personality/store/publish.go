package store

import (
	"database/sql"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Sequenced is what integration needs to know of the record behind a leaf.
type Sequenced struct {
	Record   int64
	Log      int64
	Position uint64
	State    RecordState
	Last     bool    // no record of its log was accepted behind it
	Before   *uint64 // leaf index of the record before it in its log; nil if it is the first, or that is not published
}

// Place is a place in a log.
type Place struct {
	Log      int64
	Position uint64
}

// Placement is the place of a record in the records log.
type Placement struct {
	Record        int64
	RegistryIndex uint64
}

// Sequenced returns the records behind leaves of the records log. Leaves that
// were not accepted here are not among them. In an Update no other transaction
// can change their logs until this one ends.
//
// It locks the logs first and then reads the records, in statements of their
// own: in one statement the database might read a record, wait for the log, and
// give the record as it was before the wait. The logs are locked in the order
// of their ids, so that two integrations at once wait for each other rather
// than lock each other out.
func (tx *Tx) Sequenced(leaves []protocol.LogLeaf) (map[protocol.LogLeaf]Sequenced, error) {
	logs, err := tx.lockLogs(leaves)
	if err != nil {
		return nil, err
	}
	byKey := make(map[int64]lockedLog, len(logs))
	for _, l := range logs {
		byKey[l.id] = l
	}
	found := make(map[protocol.LogLeaf]Sequenced, len(leaves))
	err = batches(tx, leaves, func(batch []protocol.LogLeaf) error {
		args := make([]any, 0, 2*len(batch))
		for _, leaf := range batch {
			args = append(args, leaf.RecordID[:], logs[leaf.LogID].id) // 0, no log's key, if it is not known
		}
		return tx.rows(`SELECT r.id, r.log, r.record_id, r.position, r.state, b.registry_index
			FROM records r LEFT JOIN records b ON b.log = r.log AND b.position = r.position - 1
			WHERE `+repeat(len(batch), `(r.record_id = ? AND r.log = ?)`, ` OR `), args, func(rows *sql.Rows) error {
			var s Sequenced
			var recordID protocol.Hash
			var position, before sql.Null[uint64]
			if err := rows.Scan(&s.Record, &s.Log, scanHash(&recordID), &position, &s.State, &before); err != nil {
				return err
			}
			log := byKey[s.Log]
			s.Position, s.Before = position.V, nullable(before)
			s.Last = position.V+1 >= log.length
			found[protocol.LogLeaf{LogID: log.logID, RecordID: recordID}] = s
			return nil
		})
	})
	return found, err
}

type lockedLog struct {
	id     int64
	logID  protocol.Hash
	length uint64
}

// lockLogs locks and returns the logs that leaves belong to.
func (tx *Tx) lockLogs(leaves []protocol.LogLeaf) (map[protocol.Hash]lockedLog, error) {
	ids := make([]protocol.Hash, len(leaves))
	for i, leaf := range leaves {
		ids[i] = leaf.LogID
	}
	ids = sortedLogIDs(ids)
	logs := make(map[protocol.Hash]lockedLog, len(ids))
	err := batches(tx, ids, func(batch []protocol.Hash) error {
		args := make([]any, len(batch))
		for i := range batch {
			args[i] = batch[i][:]
		}
		return tx.rows(`SELECT id, log_id, length FROM logs`+tx.dialect.index(`log_id`)+` WHERE log_id IN (`+repeat(len(batch), `?`, `, `)+`) ORDER BY log_id`+tx.forUpdate(),
			args, func(rows *sql.Rows) error {
				var l lockedLog
				if err := rows.Scan(&l.id, scanHash(&l.logID), &l.length); err != nil {
					return err
				}
				logs[l.logID] = l
				return nil
			})
	})
	return logs, err
}

// Publish gives records their places in the records log.
func (tx *Tx) Publish(placements []Placement) error {
	return batches(tx, placements, func(batch []Placement) error {
		args := []any{Published}
		records := make([]any, len(batch))
		for i, p := range batch {
			args = append(args, p.Record, p.RegistryIndex)
			records[i] = p.Record
		}
		args = append(args, records...)
		if _, err := tx.exec(`UPDATE records`+tx.dialect.index(`PRIMARY`)+` SET state = ?, registry_index = CASE id `+
			repeat(len(batch), `WHEN ? THEN ?`, ` `)+` END WHERE id IN (`+repeat(len(batch), `?`, `, `)+`)`, args...); err != nil {
			return err
		}
		_, err := tx.exec(tx.dialect.deleteKeys(`ready`, `record`, len(batch)), records...)
		return err
	})
}

// Complete returns the keys of those records at the given places that are
// complete and not published.
func (tx *Tx) Complete(places []Place) ([]int64, error) {
	var all []int64
	err := batches(tx, places, func(batch []Place) error {
		args := []any{Processing}
		for _, p := range batch {
			args = append(args, p.Log, p.Position)
		}
		return tx.rows(`SELECT id FROM records WHERE state = ? AND (`+repeat(len(batch), `(log = ? AND position = ?)`, ` OR `)+`)`,
			args, func(rows *sql.Rows) error {
				var id int64
				if err := rows.Scan(&id); err != nil {
					return err
				}
				all = append(all, id)
				return nil
			})
	})
	return all, err
}

// anys makes arguments of a statement.
func anys[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
