package store

import (
	"database/sql"
	"errors"
	"math"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Checkpoint is a signed checkpoint with the hashes of the perfect subtrees of
// the records log at its length, left to right.
type Checkpoint struct {
	Signed protocol.SignedCheckpoint
	Roots  []protocol.Hash
}

// Snapshot is the package index as of the checkpoint.
func (c *Checkpoint) Snapshot() index.Snapshot {
	return index.Snapshot{Revision: c.Signed.Contents.LogLength, Root: c.Signed.Contents.MapRoot}
}

const checkpointColumns = `SELECT log_length, log_root, map_root, timestamp, key_id, signature, roots FROM checkpoints `

func (c *Checkpoint) scan(row scanner) error {
	var keyID, signature string
	contents := &c.Signed.Contents
	err := row.Scan(&contents.LogLength, scanHash(&contents.LogRoot), scanHash(&contents.MapRoot), &contents.Timestamp, &keyID, &signature, scanHashes(&c.Roots))
	if err != nil {
		return err
	}
	c.Signed.KeyID = protocol.KeyID(keyID)
	c.Signed.Signature, err = protocol.ParseSignature(signature)
	return err
}

func (tx *Tx) checkpoints(where string, args ...any) ([]Checkpoint, error) {
	var all []Checkpoint
	err := tx.rows(checkpointColumns+where, args, func(rows *sql.Rows) error {
		var c Checkpoint
		if err := c.scan(rows); err != nil {
			return err
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

func (tx *Tx) checkpoint(where string, args ...any) (Checkpoint, error) {
	all, err := tx.checkpoints(where, args...)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return all[0], nil
}

// LatestCheckpoint returns the longest checkpoint; [ErrNotFound] if there is none.
func (tx *Tx) LatestCheckpoint() (Checkpoint, error) {
	return tx.checkpoint(`ORDER BY log_length DESC LIMIT 1`)
}

// Checkpoint returns the checkpoint of a log length; [ErrNotFound] if there is none.
func (tx *Tx) Checkpoint(logLength uint64) (Checkpoint, error) {
	if logLength > math.MaxInt64 { // more than a column holds
		return Checkpoint{}, ErrNotFound
	}
	return tx.checkpoint(`WHERE log_length = ?`, logLength)
}

// CheckpointsAfter returns up to limit checkpoints longer than a log length,
// shortest first.
func (tx *Tx) CheckpointsAfter(logLength uint64, limit int) ([]Checkpoint, error) {
	return tx.checkpoints(`WHERE log_length > ? ORDER BY log_length`+tx.dialect.limit, logLength, limit)
}

// ErrSuperseded: what was to be replaced is not there any more, since another
// process has replaced it.
var ErrSuperseded = errors.New("another process was faster")

// NewestLength returns the log length of the newest checkpoint, as
// [Tx.ReplaceNewestLength] has set it; 0 before the first.
func (tx *Tx) NewestLength() (uint64, error) {
	var length uint64
	err := tx.row(`SELECT log_length FROM applied WHERE id = 1`, nil, &length)
	return length, err
}

// ReplaceNewestLength compares and sets the log length of the newest checkpoint:
// [ErrSuperseded] if it is not old. Both may be the same. Everything else that a
// checkpoint brings is to be written in the same transaction, behind this. Of two
// processes that replace the same length the second waits here until the first
// one's transaction ends; if that was committed, it finds what was changed.
func (tx *Tx) ReplaceNewestLength(old, length uint64) error {
	return tx.replace(`UPDATE applied SET log_length = ? WHERE id = 1 AND log_length = ?`, length, old)
}

// replace runs a statement that changes one row if that is as it is expected, and
// returns [ErrSuperseded] if it is not.
func (tx *Tx) replace(query string, args ...any) error {
	r, err := tx.exec(query, args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n != 1 {
		err = ErrSuperseded
	}
	return err
}

// InsertCheckpoint stores a checkpoint.
func (tx *Tx) InsertCheckpoint(c Checkpoint) error {
	contents := c.Signed.Contents
	_, err := tx.exec(`INSERT INTO checkpoints (log_length, log_root, map_root, timestamp, key_id, signature, roots) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		contents.LogLength, contents.LogRoot[:], contents.MapRoot[:], contents.Timestamp, string(c.Signed.KeyID), c.Signed.Signature.String(), joinHashes(c.Roots))
	return err
}

// RepublishCheckpoint replaces the time and signature of a checkpoint whose roots
// stay as they are, unless a newer time was stored meanwhile.
func (tx *Tx) RepublishCheckpoint(s protocol.SignedCheckpoint) error {
	_, err := tx.exec(`UPDATE checkpoints SET timestamp = ?, key_id = ?, signature = ? WHERE log_length = ? AND timestamp < ?`,
		s.Contents.Timestamp, string(s.KeyID), s.Signature.String(), s.Contents.LogLength, s.Contents.Timestamp)
	return err
}
