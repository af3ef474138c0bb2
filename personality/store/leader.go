package store

// Leader is the process that sequences and integrates, of those that share this
// database. Its beat counts up for as long as it lives; whether it does is for
// the others to judge by their own clocks, so that no two clocks are compared.
type Leader struct {
	Holder string // empty: nobody
	Beat   uint64
}

// Leader returns who leads.
func (tx *Tx) Leader() (Leader, error) {
	var l Leader
	err := tx.row(`SELECT holder, beat FROM leader WHERE id = 1`, nil, &l.Holder, &l.Beat)
	return l, err
}

// Lead makes holder the leader, or lets the leader's heart beat once more, if
// the leader is still the one that was seen before. It returns whether it was.
func (tx *Tx) Lead(seen Leader, holder string) (bool, error) {
	r, err := tx.exec(`UPDATE leader SET holder = ?, beat = beat + 1 WHERE id = 1 AND holder = ? AND beat = ?`, holder, seen.Holder, seen.Beat)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}
