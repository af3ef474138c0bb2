package sqlitestorage

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/internal/sqlitepool"
)

const leafColumns = `leaf_index, queue_time, identity_hash, merkle_hash`

// fullLeafColumns has the time of integration too, 0 for a leaf of no batch.
const fullLeafColumns = leafColumns + `, leaf_value, extra_data, coalesce((
	SELECT integrate_time FROM batches
	WHERE batches.tree_id = leaves.tree_id AND end_index > leaf_index
	ORDER BY end_index LIMIT 1), 0)`

// A limit that is a bare variable has its statement compiled anew each time that it is
// bound.
const (
	sqlLatestRoot = `SELECT tree_size, timestamp, root_hash, metadata FROM tree_heads WHERE tree_id = ?`
	sqlStoreRoot  = `INSERT INTO tree_heads (tree_id, tree_size, timestamp, root_hash, metadata) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tree_id) DO UPDATE SET tree_size = excluded.tree_size, timestamp = excluded.timestamp,
			root_hash = excluded.root_hash, metadata = excluded.metadata`

	sqlInsertLeaf = `INSERT INTO leaves (tree_id, leaf_index, queue_time, identity_hash, merkle_hash, leaf_value, extra_data)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	sqlNextIndex      = `SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves WHERE tree_id = ?`
	sqlLeafByIdentity = `SELECT ` + fullLeafColumns + ` FROM leaves WHERE tree_id = ? AND identity_hash = ?`
	sqlLeavesByMerkle = `SELECT ` + fullLeafColumns + ` FROM leaves WHERE tree_id = ? AND merkle_hash = ? AND leaf_index < ? ORDER BY leaf_index`
	sqlLeavesFrom     = `SELECT ` + fullLeafColumns + ` FROM leaves WHERE tree_id = ? AND leaf_index >= ? ORDER BY leaf_index LIMIT ? + 0`
	sqlQueuedFrom     = `SELECT ` + leafColumns + ` FROM leaves WHERE tree_id = ? AND leaf_index >= ? ORDER BY leaf_index LIMIT ? + 0`

	sqlQueueStart = `SELECT coalesce(max(end_index), 0) FROM batches WHERE tree_id = ?`
	sqlAddBatch   = `INSERT INTO batches (tree_id, end_index, integrate_time) VALUES (?, ?, ?)`

	sqlTile      = `SELECT hashes FROM tiles WHERE tree_id = ? AND level = ? AND tile_index = ?`
	sqlStoreTile = `INSERT INTO tiles (tree_id, level, tile_index, hashes) VALUES (?, ?, ?, ?)
		ON CONFLICT (tree_id, level, tile_index) DO UPDATE SET hashes = excluded.hashes`
)

// statements are those of one connection.
type statements struct {
	latestRoot, storeRoot          *sql.Stmt
	insertLeaf, nextIndex          *sql.Stmt
	leafByIdentity, leavesByMerkle *sql.Stmt
	leavesFrom, queuedFrom         *sql.Stmt
	queueStart, addBatch           *sql.Stmt
	tile, storeTile                *sql.Stmt
}

type (
	pool = sqlitepool.Pool[*statements]
	tx   = sqlitepool.Tx[*statements]
)

// each calls f with each statement and its text.
func (s *statements) each(f func(stmt **sql.Stmt, text string) error) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.latestRoot, sqlLatestRoot}, {&s.storeRoot, sqlStoreRoot},
		{&s.insertLeaf, sqlInsertLeaf}, {&s.nextIndex, sqlNextIndex},
		{&s.leafByIdentity, sqlLeafByIdentity}, {&s.leavesByMerkle, sqlLeavesByMerkle},
		{&s.leavesFrom, sqlLeavesFrom}, {&s.queuedFrom, sqlQueuedFrom},
		{&s.queueStart, sqlQueueStart}, {&s.addBatch, sqlAddBatch},
		{&s.tile, sqlTile}, {&s.storeTile, sqlStoreTile},
	} {
		if err := f(p.stmt, p.text); err != nil {
			return err
		}
	}
	return nil
}

// prepare prepares the statements on a connection.
func prepare(conn *sql.Conn) (*statements, error) {
	s := new(statements)
	return s, s.each(func(stmt **sql.Stmt, text string) (err error) {
		if *stmt, err = conn.PrepareContext(context.Background(), text); err != nil {
			return fmt.Errorf("preparing %q: %w", text, err)
		}
		return nil
	})
}

// Close implements [io.Closer] for [sqlitepool.Open].
func (s *statements) Close() error {
	if s == nil { // the connection failed before
		return nil
	}
	return s.each(func(stmt **sql.Stmt, _ string) error {
		if *stmt == nil {
			return nil
		}
		return (*stmt).Close()
	})
}
