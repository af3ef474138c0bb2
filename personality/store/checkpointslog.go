package store

import "github.com/warg-trillian/warg-trillian/warg/protocol"

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

// ReplaceCheckpointsLog notes that more of the checkpoints log is verified.
// [ErrSuperseded] if what is stored is not old.
func (tx *Tx) ReplaceCheckpointsLog(old, now CheckpointsLog) error {
	return tx.replace(`UPDATE checkpoints_log SET log_length = ?, size = ?, subtrees = ? WHERE id = 1 AND log_length = ? AND size = ? AND subtrees = ?`,
		now.LogLength, now.Size, joinHashes(now.Subtrees), old.LogLength, old.Size, joinHashes(old.Subtrees))
}
