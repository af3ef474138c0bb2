package store

import "github.com/warg-trillian/warg-trillian/warg/protocol"

// insertWaiting stores what the new waiting records wait for.
func (tx *Tx) insertWaiting(fresh []*RecordChange) error {
	type content struct {
		record  int64
		digest  protocol.Hash
		arrived bool
	}
	var waiting []*RecordChange
	var contents []content
	for _, r := range fresh {
		if r.State != Waiting {
			continue
		}
		waiting = append(waiting, r)
		here := make(map[protocol.Hash]bool, len(r.Arrived))
		for _, d := range r.Arrived {
			here[d] = true
		}
		for _, d := range r.Contents {
			contents = append(contents, content{r.ID, d, here[d]})
		}
	}
	err := batches(tx, waiting, func(batch []*RecordChange) error {
		args := make([]any, 0, 9*len(batch))
		for _, r := range batch {
			args = append(args, r.ID, r.Log.ID, string(r.Prev), hashColumnOf(string(r.KeyID)), hashColumnOf(r.Client), r.Entries, len(r.Envelope), r.Missing, r.At.Unix())
		}
		_, err := tx.exec(`INSERT INTO waiting (record, log, prev, key_id, client, entries, bytes, missing, active_at) VALUES `+repeat(len(batch), `(?, ?, ?, ?, ?, ?, ?, ?, ?)`, `, `), args...)
		return err
	})
	if err != nil {
		return err
	}
	return manyBatches(tx, contents, func(batch []content) error {
		args := make([]any, 0, 3*len(batch))
		for i, c := range batch {
			args = append(args, batch[i].digest[:], c.record, c.arrived)
		}
		_, err := tx.exec(`INSERT INTO waiting_content (digest, record, arrived) VALUES `+repeat(len(batch), `(?, ?, ?)`, `, `), args...)
		return err
	})
}

// updateWaiting stores what became of records that waited: some of their content
// has come, or they do not wait any more.
func (tx *Tx) updateWaiting(waited []*RecordChange) error {
	var ended []int64
	for _, r := range waited {
		if r.State == Waiting {
			if err := tx.contentArrived(r); err != nil {
				return err
			}
			continue
		}
		ended = append(ended, r.ID)
		var position, reason any
		if r.State == Processing {
			position = r.Position
		} else {
			reason = r.Reason
		}
		if _, err := tx.exec(`UPDATE records SET state = ?, position = ?, reason = ? WHERE id = ?`, r.State, position, reason, r.ID); err != nil {
			return err
		}
	}
	return batches(tx, ended, func(batch []int64) error {
		for _, table := range []string{`waiting`, `waiting_content`} {
			if _, err := tx.exec(tx.dialect.deleteKeys(table, `record`, len(batch)), anys(batch)...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (tx *Tx) contentArrived(r *RecordChange) error {
	for _, digest := range r.Arrived {
		if _, err := tx.exec(`UPDATE waiting_content SET arrived = 1 WHERE digest = ? AND record = ?`, digest[:], r.ID); err != nil {
			return err
		}
	}
	_, err := tx.exec(`UPDATE waiting SET missing = ?, active_at = ? WHERE record = ?`, r.Missing, r.At.Unix(), r.ID)
	return err
}

// insertRejected notes when records were rejected, so that they can be forgotten.
func (tx *Tx) insertRejected(all []*RecordChange) error {
	var rejected []*RecordChange
	for _, r := range all {
		if r.State == Rejected {
			rejected = append(rejected, r)
		}
	}
	return batches(tx, rejected, func(batch []*RecordChange) error {
		args := make([]any, 0, 2*len(batch))
		for _, r := range batch {
			args = append(args, r.At.Unix(), r.ID)
		}
		_, err := tx.exec(`INSERT INTO rejected (rejected_at, record) VALUES `+repeat(len(batch), `(?, ?)`, `, `), args...)
		return err
	})
}
