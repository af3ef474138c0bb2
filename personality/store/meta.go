package store

// Meta returns a small fact about this database; [ErrNotFound] if it is not set.
func (tx *Tx) Meta(name string) ([]byte, error) {
	var value []byte
	err := tx.row(`SELECT value FROM meta WHERE name = ?`, []any{name}, &value)
	return value, err
}

// SetMeta stores a fact that was not stored before. If two processes do so at
// the same time, the second one's transaction is undone and, being run again,
// finds it.
func (tx *Tx) SetMeta(name string, value []byte) error {
	_, err := tx.exec(`INSERT INTO meta (name, value) VALUES (?, ?)`, name, value)
	return err
}

// ReplaceMeta stores a fact, whether or not it was stored before.
func (tx *Tx) ReplaceMeta(name string, value []byte) error {
	_, err := tx.exec(`REPLACE INTO meta (name, value) VALUES (?, ?)`, name, value)
	return err
}

// DropMeta forgets a fact.
func (tx *Tx) DropMeta(name string) error {
	_, err := tx.exec(`DELETE FROM meta WHERE name = ?`, name)
	return err
}
