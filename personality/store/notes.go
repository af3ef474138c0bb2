package store

import (
	"database/sql"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Note is a signed tree head of one of the logs.
type Note struct {
	Size uint64 // leaves of the log; 0: there is no such note yet
	Text []byte // the signed note
}

// The kinds of notes that are kept of a log.
const (
	noteSigned   = 0
	noteCosigned = 1
)

// SignedNote returns the newest note of a log.
func (tx *Tx) SignedNote(log tlog.Log) (Note, error) { return tx.note(log, noteSigned) }

// CosignedNote returns the newest note of a log that a quorum of witnesses has
// cosigned.
func (tx *Tx) CosignedNote(log tlog.Log) (Note, error) { return tx.note(log, noteCosigned) }

func (tx *Tx) note(log tlog.Log, kind int) (Note, error) {
	var n Note
	err := tx.row(`SELECT size, note FROM notes WHERE log = ? AND kind = ?`, []any{logNumber(log), kind}, &n.Size, &n.Text)
	return n, err
}

// PutSignedNote stores a note of a log unless there is one of a larger size.
func (tx *Tx) PutSignedNote(log tlog.Log, n Note) error { return tx.putNote(log, noteSigned, n) }

// PutCosignedNote stores a note that a quorum has cosigned, unless there is one of a
// larger size.
func (tx *Tx) PutCosignedNote(log tlog.Log, n Note) error { return tx.putNote(log, noteCosigned, n) }

func (tx *Tx) putNote(log tlog.Log, kind int, n Note) error {
	_, err := tx.exec(`UPDATE notes SET size = ?, note = ? WHERE log = ? AND kind = ? AND size <= ?`, n.Size, n.Text, logNumber(log), kind, n.Size)
	return err
}

// DropCosignedNote forgets a cosigned note, if it is still the one stored: it does not
// meet the quorum that is asked for now.
func (tx *Tx) DropCosignedNote(log tlog.Log, n Note) error {
	_, err := tx.exec(`UPDATE notes SET size = 0, note = ? WHERE log = ? AND kind = ? AND note = ?`, []byte{}, logNumber(log), noteCosigned, n.Text)
	return err
}

// Witnessed returns up to which size each witness, named by the hash of its public key,
// has cosigned a log.
func (tx *Tx) Witnessed(log tlog.Log) (map[protocol.Hash]uint64, error) {
	sizes := map[protocol.Hash]uint64{}
	err := tx.rows(`SELECT witness, size FROM witnessed WHERE log = ?`, []any{logNumber(log)}, func(rows *sql.Rows) error {
		var witness protocol.Hash
		var size uint64
		err := rows.Scan(scanHash(&witness), &size)
		sizes[witness] = size
		return err
	})
	return sizes, err
}

// SetWitnessed notes up to which size a witness has cosigned a log.
func (tx *Tx) SetWitnessed(log tlog.Log, witness protocol.Hash, size uint64) error {
	if _, err := tx.exec(tx.dialect.insertIgnore+` INTO witnessed (log, witness, size) VALUES (?, ?, 0)`, logNumber(log), witness[:]); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE witnessed SET size = ? WHERE log = ? AND witness = ?`, size, logNumber(log), witness[:])
	return err
}
