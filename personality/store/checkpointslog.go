package store

import (
	"database/sql"
	"fmt"
	"math"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// CheckpointsLog is how much of the checkpoints log is verified.
type CheckpointsLog struct {
	LogLength uint64          // of the newest checkpoint in it; 0: none
	Size      uint64          // leaves up to that
	Subtrees  []protocol.Hash // of these leaves, the roots of the perfect subtrees, left to right
}

// CheckpointsLog returns how much of the checkpoints log is verified.
func (tx *Tx) CheckpointsLog() (CheckpointsLog, error) {
	var c CheckpointsLog
	err := tx.row(`SELECT log_length, size, subtrees FROM checkpoints_log WHERE id = 1`, nil, &c.LogLength, &c.Size, scanHashes(&c.Subtrees))
	return c, err
}

// ReplaceCheckpointsLog notes that more of the checkpoints log is verified: leaves
// that are the checkpoints of some lengths, of which the last is now's. A zero now is for
// beginning anew. [ErrSuperseded] if what is stored is not old.
func (tx *Tx) ReplaceCheckpointsLog(old, now CheckpointsLog, lengths ...uint64) error {
	if now.Size > 0 && old.Size+uint64(len(lengths)) != now.Size {
		return fmt.Errorf("%d leaves behind %d do not make a checkpoints log of %d", len(lengths), old.Size, now.Size)
	}
	err := tx.replace(`UPDATE checkpoints_log SET log_length = ?, size = ?, subtrees = ? WHERE id = 1 AND log_length = ? AND size = ? AND subtrees = ?`,
		now.LogLength, now.Size, joinHashes(now.Subtrees), old.LogLength, old.Size, joinHashes(old.Subtrees))
	if err != nil {
		return err
	}
	leaf := old.Size
	return batches(tx, lengths, func(batch []uint64) error {
		args := make([]any, 0, 2*len(batch))
		for _, length := range batch {
			args = append(args, leaf, length)
			leaf++
		}
		_, err := tx.exec(`REPLACE INTO checkpoint_leaves (leaf, log_length) VALUES `+repeat(len(batch), `(?, ?)`, `, `), args...)
		return err
	})
}

// LoggedCheckpoints returns up to count verified leaves of the checkpoints log from one
// on, in order.
func (tx *Tx) LoggedCheckpoints(start uint64, count int) ([]protocol.Checkpoint, error) {
	if start > math.MaxInt64 { // more than a column holds
		return nil, nil
	}
	end := min(start+uint64(count), math.MaxInt64)
	var all []protocol.Checkpoint
	err := tx.rows(`SELECT c.log_length, c.log_root, c.map_root FROM checkpoint_leaves l JOIN checkpoints c ON c.log_length = l.log_length
		WHERE l.leaf >= ? AND l.leaf < ? ORDER BY l.leaf`, []any{start, end}, func(rows *sql.Rows) error {
		var c protocol.Checkpoint
		err := rows.Scan(&c.LogLength, scanHash(&c.LogRoot), scanHash(&c.MapRoot))
		all = append(all, c)
		return err
	})
	return all, err
}

// LoggedSigned is [Tx.LoggedCheckpoints] of the checkpoints as they were signed last.
func (tx *Tx) LoggedSigned(start uint64, count int) ([]protocol.SignedCheckpoint, error) {
	if start > math.MaxInt64 {
		return nil, nil
	}
	end := min(start+uint64(count), math.MaxInt64)
	var all []protocol.SignedCheckpoint
	err := tx.rows(`SELECT c.log_length, c.log_root, c.map_root, c.timestamp, c.key_id, c.signature, c.roots FROM checkpoint_leaves l
		JOIN checkpoints c ON c.log_length = l.log_length WHERE l.leaf >= ? AND l.leaf < ? ORDER BY l.leaf`, []any{start, end}, func(rows *sql.Rows) error {
		var c Checkpoint
		err := c.scan(rows)
		all = append(all, c.Signed)
		return err
	})
	return all, err
}
