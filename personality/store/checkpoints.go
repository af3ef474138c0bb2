package store

import (
	"database/sql"
	"fmt"
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
	var logRoot, mapRoot, roots []byte
	var keyID, signature string
	contents := &c.Signed.Contents
	if err := row.Scan(&contents.LogLength, &logRoot, &mapRoot, &contents.Timestamp, &keyID, &signature, &roots); err != nil {
		return err
	}
	if len(logRoot) != protocol.HashSize || len(mapRoot) != protocol.HashSize || len(roots)%protocol.HashSize != 0 {
		return fmt.Errorf("checkpoint %d has roots of %d, %d and %d bytes", contents.LogLength, len(logRoot), len(mapRoot), len(roots))
	}
	contents.LogRoot, contents.MapRoot = protocol.Hash(logRoot), protocol.Hash(mapRoot)
	for ; len(roots) > 0; roots = roots[protocol.HashSize:] {
		c.Roots = append(c.Roots, protocol.Hash(roots[:protocol.HashSize]))
	}
	var err error
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
	return tx.checkpoints(`WHERE log_length > ? ORDER BY log_length LIMIT ?`, logLength, limit)
}

// ErrSuperseded: another process has integrated since.
var ErrSuperseded = fmt.Errorf("another process has made a checkpoint since: %w", ErrNotFound)

// Advance moves the length of the newest checkpoint from one value to another,
// which may be the same, or fails with [ErrSuperseded] if it is not the first.
// Everything else that a checkpoint brings is to be written in the same
// transaction. Of two processes that advance from the same value the second
// waits here until the first one's transaction ends; if that was committed, it
// finds what was changed.
func (tx *Tx) Advance(from, to uint64) error {
	r, err := tx.exec(`UPDATE applied SET log_length = ? WHERE id = 1 AND log_length = ?`, to, from)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return ErrSuperseded
	}
	return nil
}

// InsertCheckpoint stores a checkpoint.
func (tx *Tx) InsertCheckpoint(c Checkpoint) error {
	roots := make([]byte, 0, len(c.Roots)*protocol.HashSize)
	for _, r := range c.Roots {
		roots = append(roots, r[:]...)
	}
	contents := c.Signed.Contents
	_, err := tx.exec(`INSERT INTO checkpoints (log_length, log_root, map_root, timestamp, key_id, signature, roots) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		contents.LogLength, contents.LogRoot[:], contents.MapRoot[:], contents.Timestamp, string(c.Signed.KeyID), c.Signed.Signature.String(), roots)
	return err
}

// ResignCheckpoint replaces the time and signature of a checkpoint whose roots
// stay as they are, unless a newer time was stored meanwhile.
func (tx *Tx) ResignCheckpoint(s protocol.SignedCheckpoint) error {
	_, err := tx.exec(`UPDATE checkpoints SET timestamp = ?, key_id = ?, signature = ? WHERE log_length = ? AND timestamp < ?`,
		s.Contents.Timestamp, string(s.KeyID), s.Signature.String(), s.Contents.LogLength, s.Contents.Timestamp)
	return err
}

// Logged returns the log length of the newest checkpoint that is in the
// checkpoints log, and that log's size.
func (tx *Tx) Logged() (logLength, size uint64, err error) {
	err = tx.row(`SELECT logged_length, checkpoints_logged FROM applied WHERE id = 1`, nil, &logLength, &size)
	return logLength, size, err
}

// SetLogged notes what the checkpoints log holds.
func (tx *Tx) SetLogged(logLength, size uint64) error {
	_, err := tx.exec(`UPDATE applied SET logged_length = ?, checkpoints_logged = ? WHERE id = 1 AND checkpoints_logged < ?`, logLength, size, size)
	return err
}
