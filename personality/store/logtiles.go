package store

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// logNumber is how the tables name a log.
func logNumber(log tlog.Log) int {
	if log == tlog.Records {
		return 0
	}
	return 1
}

// Tiled is how much of a log has full tiles.
type Tiled struct {
	Size     uint64          // leaves below full tiles of level 0: a multiple of [tlog.TileWidth]
	Subtrees []protocol.Hash // of these leaves, the roots of the perfect subtrees, left to right
}

// Tiled returns how much of a log has full tiles.
func (tx *Tx) Tiled(log tlog.Log) (Tiled, error) {
	var t Tiled
	err := tx.row(`SELECT size, subtrees FROM tiled WHERE log = ?`, []any{logNumber(log)}, &t.Size, scanHashes(&t.Subtrees))
	return t, err
}

// ReplaceTiled notes that more of a log has full tiles. [ErrSuperseded] if what is
// stored is not old. The tiles are to be written in the same transaction, behind this.
func (tx *Tx) ReplaceTiled(log tlog.Log, old, now Tiled) error {
	return tx.replace(`UPDATE tiled SET size = ?, subtrees = ? WHERE log = ? AND size = ? AND subtrees = ?`,
		now.Size, joinHashes(now.Subtrees), logNumber(log), old.Size, joinHashes(old.Subtrees))
}

// LogTile returns the hashes of a tile of a log as far as there are some, 32 bytes
// each; none if there is no such tile.
func (tx *Tx) LogTile(log tlog.Log, level int, tile uint64) ([]byte, error) {
	var hashes []byte
	err := tx.row(`SELECT hashes FROM log_tiles WHERE log = ? AND level = ? AND tile = ?`, []any{logNumber(log), level, tile}, &hashes)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return hashes, err
}

// InsertLogTile stores a new tile.
func (tx *Tx) InsertLogTile(log tlog.Log, level int, tile uint64, hashes []byte) error {
	_, err := tx.exec(`INSERT INTO log_tiles (log, level, tile, hashes) VALUES (?, ?, ?, ?)`, logNumber(log), level, tile, hashes)
	return err
}

// UpdateLogTile stores a tile that has grown.
func (tx *Tx) UpdateLogTile(log tlog.Log, level int, tile uint64, hashes []byte) error {
	_, err := tx.exec(`UPDATE log_tiles SET hashes = ? WHERE log = ? AND level = ? AND tile = ?`, hashes, logNumber(log), level, tile)
	return err
}
