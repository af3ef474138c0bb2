package store

import (
	"database/sql"
	"math"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Pending is a record on its way into the records log.
type Pending struct {
	Record    int64
	Log       int64
	LogLength uint64 // accepted records of the log
	Position  uint64
	Leaf      protocol.LogLeaf
	Name      string // package name; empty for the operator log
	Envelope  []byte // protobuf
}

const pendingColumns = `r.id, r.log, l.length, r.position, l.log_id, r.record_id, l.name, r.envelope`

func (p *Pending) scan(row scanner) error {
	return row.Scan(&p.Record, &p.Log, &p.LogLength, &p.Position, scanHash(&p.Leaf.LogID), scanHash(&p.Leaf.RecordID), &p.Name, &p.Envelope)
}

// MarkReady notes that records may be sequenced.
func (tx *Tx) MarkReady(records ...int64) error {
	return batches(tx, records, func(batch []int64) error {
		_, err := tx.exec(`INSERT INTO ready (record) VALUES `+repeat(len(batch), `(?)`, `, `), anys(batch)...)
		return err
	})
}

// Ready returns up to limit keys of records that may be sequenced, oldest first.
func (tx *Tx) Ready(limit int) ([]int64, error) {
	var all []int64
	err := tx.rows(`SELECT record FROM ready ORDER BY record`+tx.dialect.limit, []any{limit}, func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		all = append(all, id)
		return nil
	})
	return all, err
}

// Pending returns what is to be sequenced of records. The keys are in ascending
// order, and so is the answer.
func (tx *Tx) Pending(records []int64) ([]Pending, error) {
	var all []Pending
	err := batches(tx, records, func(batch []int64) error {
		some, err := tx.pending(`WHERE r.id IN (`+repeat(len(batch), `?`, `, `)+`) ORDER BY r.id`, anys(batch)...)
		all = append(all, some...)
		return err
	})
	return all, err
}

// PendingFrom returns the complete and unpublished records of a log from a
// position on, in order, up to the first that is not and at most limit.
func (tx *Tx) PendingFrom(log int64, position uint64, limit int) ([]Pending, error) {
	all, err := tx.pending(`WHERE r.log = ? AND r.position >= ? AND r.state = ? ORDER BY r.position`+tx.dialect.limit, log, position, Processing, limit)
	for i, p := range all {
		if p.Position != position+uint64(i) {
			return all[:i], err
		}
	}
	return all, err
}

func (tx *Tx) pending(where string, args ...any) ([]Pending, error) {
	var all []Pending
	err := tx.rows(`SELECT `+pendingColumns+` FROM records r JOIN logs l ON l.id = r.log `+where, args, func(rows *sql.Rows) error {
		var p Pending
		if err := p.scan(rows); err != nil {
			return err
		}
		all = append(all, p)
		return nil
	})
	return all, err
}

// Leaf is a leaf of the records log with the keys of its record.
type Leaf struct {
	protocol.LogLeaf
	RegistryIndex uint64
	Log           int64
	Position      uint64
}

// Leaves returns up to limit published leaves from an index on, in order.
func (tx *Tx) Leaves(start uint64, limit int) ([]Leaf, error) {
	if start > math.MaxInt64 { // more than a column holds
		return nil, nil
	}
	end := min(start+uint64(limit), math.MaxInt64) // there is a leaf at each index
	var all []Leaf
	err := tx.rows(`SELECT r.registry_index, l.log_id, r.record_id, r.log, r.position FROM records r JOIN logs l ON l.id = r.log
		WHERE r.registry_index >= ? AND r.registry_index < ? ORDER BY r.registry_index`, []any{start, end}, func(rows *sql.Rows) error {
		var l Leaf
		if err := rows.Scan(&l.RegistryIndex, scanHash(&l.LogID), scanHash(&l.RecordID), &l.Log, &l.Position); err != nil {
			return err
		}
		all = append(all, l)
		return nil
	})
	return all, err
}

// Leaf returns the leaf at an index of the records log; [ErrNotFound] if nothing
// is published there.
func (tx *Tx) Leaf(index uint64) (Leaf, error) {
	all, err := tx.Leaves(index, 1)
	if err == nil && (len(all) == 0 || all[0].RegistryIndex != index) {
		err = ErrNotFound
	}
	if err != nil {
		return Leaf{}, err
	}
	return all[0], nil
}
