package store

import (
	"context"
	"database/sql"

	"github.com/warg-trillian/warg-trillian/personality/index"
)

// InsertTiles stores tiles of the package index under a revision.
func (tx *Tx) InsertTiles(revision uint64, tiles []index.Tile) error {
	return batches(tx, tiles, func(batch []index.Tile) error {
		args := make([]any, 0, 3*len(batch))
		for _, t := range batch {
			args = append(args, t.ID, revision, t.Data)
		}
		_, err := tx.exec(`INSERT INTO map_tiles (tile, revision, data) VALUES `+repeat(len(batch), `(?, ?, ?)`, `, `), args...)
		return err
	})
}

// DropTiles forgets the tiles of revisions behind one, which no checkpoint has.
func (tx *Tx) DropTiles(behind uint64) error {
	_, err := tx.exec(`DELETE FROM map_tiles WHERE revision > ?`, behind)
	return err
}

// Tiles implements [index.TileReader].
func (db *DB) Tiles(ctx context.Context, ids [][]byte, revision uint64) (map[string][]byte, error) {
	tiles := make(map[string][]byte, len(ids))
	view := db.View
	if len(ids) == 1 {
		view = db.ViewOne
	}
	err := view(ctx, func(tx *Tx) error {
		return batches(tx, ids, func(batch [][]byte) error { return tx.tiles(batch, revision, tiles) })
	})
	return tiles, err
}

// tiles reads tiles. Each is looked up by a query of its own inside the
// statement: a join with the newest revisions would read all that a tile ever
// had.
func (tx *Tx) tiles(ids [][]byte, revision uint64, into map[string][]byte) error {
	const newest = `SELECT tile, data FROM map_tiles WHERE tile = ? AND revision <= ? ORDER BY revision DESC LIMIT 1`
	query := newest
	if len(ids) > 1 {
		query = repeat(len(ids), `(`+newest+`)`, ` UNION ALL `)
	}
	args := make([]any, 0, 2*len(ids))
	for _, id := range ids {
		args = append(args, id, revision)
	}
	return tx.rows(query, args, func(rows *sql.Rows) error {
		var id, data []byte
		if err := rows.Scan(&id, &data); err != nil {
			return err
		}
		into[string(id)] = data
		return nil
	})
}
