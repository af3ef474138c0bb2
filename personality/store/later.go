package store

// later is rows that a transaction is still to insert: those of a whole group go
// by one statement, since across a network a statement costs a round trip.
type later struct {
	ready    []int64
	releases []laterRelease
}

type laterRelease struct {
	log int64
	Release
}

// flush inserts the rows. It comes before the commit, and before every statement
// of an Update that looks at their tables.
func (tx *Tx) flush() error {
	rows := tx.later
	tx.later = later{}
	err := batches(tx, rows.releases, func(batch []laterRelease) error {
		args := make([]any, 0, 4*len(batch))
		for _, r := range batch {
			args = append(args, r.log, r.Version, r.Content, r.Released)
		}
		_, err := tx.exec(`INSERT INTO releases (log, version, content, released) VALUES `+repeat(len(batch), `(?, ?, ?, ?)`, `, `), args...)
		return err
	})
	if err != nil {
		return err
	}
	return batches(tx, rows.ready, func(batch []int64) error {
		_, err := tx.exec(`INSERT INTO ready (record) VALUES `+repeat(len(batch), `(?)`, `, `), anys(batch)...)
		return err
	})
}
