package publisher

import (
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// commit stores a plan with its signature, stage by stage, and returns the
// checkpoint as stored. [store.ErrSuperseded] if the plan's base is not the newest
// checkpoint any more.
func (p plan) commit(tx *store.Tx, signed protocol.SignedCheckpoint) (store.Checkpoint, error) {
	made := store.Checkpoint{Signed: signed, Roots: p.subtrees}
	if err := replaceNewest(tx, p.base, lengthOf(made)); err != nil {
		return made, err
	}
	// Integrated.
	if err := tx.InsertTiles(lengthOf(made), p.tiles); err != nil {
		return made, err
	}
	// Signed.
	if err := tx.InsertCheckpoint(made); err != nil {
		return made, err
	}
	// Published. Last, since it locks the logs of these records.
	return made, placeRecords(tx, lengthOf(p.base), p.leaves)
}

// replaceNewest begins a transaction that puts a checkpoint of some length in the
// place of the newest one. [store.ErrSuperseded] if that is not the one given:
// another process has made one since, or has published it again, with a time that
// may be later than this process's.
func replaceNewest(tx *store.Tx, newest store.Checkpoint, length uint64) error {
	if err := tx.ReplaceNewestLength(lengthOf(newest), length); err != nil || lengthOf(newest) == 0 {
		return err
	}
	stored, err := tx.Checkpoint(lengthOf(newest))
	if err == nil && stored.Signed != newest.Signed {
		err = store.ErrSuperseded
	}
	return err
}

// placeRecords gives records their places in the records log, the first of them at
// index start, and makes their successors ready to sequence. From
// [store.Tx.Sequenced] on no other transaction changes their logs: when a record is
// accepted at the same time, either its acceptance sees its predecessor published,
// or this sees the record.
func placeRecords(tx *store.Tx, start uint64, leaves []protocol.LogLeaf) error {
	records, err := tx.Sequenced(leaves)
	if err != nil {
		return err
	}
	ends := map[int64]store.Sequenced{} // by log, the last record placed here
	placements := make([]store.Placement, len(leaves))
	for n, leaf := range leaves {
		at := start + uint64(n)
		record, ok := records[leaf]
		if !ok {
			return faultf("leaf %d of the records log, record %s of log %s, is not in the registry's database: run rebuild", at, leaf.RecordID, leaf.LogID)
		}
		if err := checkOrder(record, ends, start, at); err != nil {
			return err
		}
		placements[n] = store.Placement{Record: record.Record, RegistryIndex: at}
		record.State = store.Published // for a leaf that is there twice
		records[leaf], ends[record.Log] = record, record
	}
	if err := tx.Publish(placements); err != nil {
		return err
	}
	return readySuccessors(tx, ends)
}

// readySuccessors makes ready to sequence what is complete behind the last
// published record of each log.
func readySuccessors(tx *store.Tx, ends map[int64]store.Sequenced) error {
	var places []store.Place
	for _, end := range ends {
		if !end.Last {
			places = append(places, store.Place{Log: end.Log, Position: end.Position + 1})
		}
	}
	complete, err := tx.Complete(places)
	if err != nil {
		return err
	}
	return tx.MarkReady(complete...)
}

// checkOrder checks that the leaf at an index is the next record of its log.
func checkOrder(record store.Sequenced, ends map[int64]store.Sequenced, start, at uint64) error {
	if record.State != store.Processing {
		return faultf("leaf %d of the records log is a record that is not to be published (state %d)", at, record.State)
	}
	if record.Position == 0 || record.Before != nil && *record.Before < start {
		return nil
	}
	if before, ok := ends[record.Log]; ok && before.Position+1 == record.Position {
		return nil
	}
	return faultf("leaf %d of the records log is a record whose predecessor in its log is not in it", at)
}
