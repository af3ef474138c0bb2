package store

import (
	"database/sql"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Statements returns the operator's statements on content from a number on, as they were
// stored, in order: up to count.
func (tx *Tx) Statements(from uint64, count int) ([][]byte, error) {
	var all [][]byte
	err := tx.rows(`SELECT statement FROM withheld WHERE sequence >= ? ORDER BY sequence`+tx.dialect.limit, []any{from, count}, func(rows *sql.Rows) error {
		var statement []byte
		err := rows.Scan(&statement)
		all = append(all, statement)
		return err
	})
	return all, err
}

// StatementCount returns how many statements there are.
func (tx *Tx) StatementCount() (count uint64, err error) {
	err = tx.row(`SELECT COUNT(*) FROM withheld`, nil, &count)
	return count, err
}

// StatementOn returns the newest statement on a content; [ErrNotFound] if there is none.
func (tx *Tx) StatementOn(digest protocol.Hash) (statement []byte, err error) {
	err = tx.row(`SELECT statement FROM withheld WHERE digest = ? ORDER BY sequence DESC`+tx.dialect.limit, []any{digest[:], 1}, &statement)
	return statement, err
}

// InsertStatement stores the statement with a number, which nobody has stored before: of two
// processes that do so at once, the second one's transaction is undone and, being run again,
// finds it.
func (tx *Tx) InsertStatement(sequence uint64, digest protocol.Hash, statement []byte) error {
	_, err := tx.exec(`INSERT INTO withheld (sequence, digest, statement) VALUES (?, ?, ?)`, sequence, digest[:], statement)
	return err
}
