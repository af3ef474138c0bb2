package sqlitestorage

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// schemaVersion is kept in PRAGMA user_version; 0 is an empty file.
const schemaVersion = 1

const schema = `
-- What trillian.Tree says. Times are milliseconds since 1970; delete_time is
-- NULL unless the tree is soft-deleted.
CREATE TABLE trees (
	tree_id           INTEGER PRIMARY KEY,
	tree_state        TEXT    NOT NULL,
	tree_type         TEXT    NOT NULL,
	display_name      TEXT    NOT NULL,
	description       TEXT    NOT NULL,
	max_root_duration INTEGER NOT NULL, -- nanoseconds
	create_time       INTEGER NOT NULL,
	update_time       INTEGER NOT NULL,
	delete_time       INTEGER
);

-- The latest root of each tree; a tree without one needs to be initialised.
CREATE TABLE tree_heads (
	tree_id   INTEGER PRIMARY KEY REFERENCES trees ON DELETE CASCADE,
	tree_size INTEGER NOT NULL,
	timestamp INTEGER NOT NULL, -- nanoseconds since 1970
	root_hash BLOB    NOT NULL,
	metadata  BLOB    NOT NULL
);

-- Leaves, queued and integrated, in the order of their arrival.
-- The small columns come first, so that reading them leaves the data alone.
CREATE TABLE leaves (
	leaf_id       INTEGER PRIMARY KEY,
	tree_id       INTEGER NOT NULL REFERENCES trees ON DELETE CASCADE,
	leaf_index    INTEGER NOT NULL,
	queue_time    INTEGER NOT NULL, -- nanoseconds since 1970
	identity_hash BLOB    NOT NULL,
	merkle_hash   BLOB    NOT NULL,
	leaf_value    BLOB    NOT NULL,
	extra_data    BLOB
);
CREATE UNIQUE INDEX leaves_by_index ON leaves (tree_id, leaf_index);
CREATE UNIQUE INDEX leaves_by_identity ON leaves (tree_id, identity_hash);
CREATE INDEX leaves_by_merkle_hash ON leaves (tree_id, merkle_hash);

-- Batches of LOG trees: each leaf below end_index, and not below the end_index
-- before it, was integrated at that time. The greatest end_index is where the
-- queue begins.
CREATE TABLE batches (
	tree_id        INTEGER NOT NULL REFERENCES trees ON DELETE CASCADE,
	end_index      INTEGER NOT NULL,
	integrate_time INTEGER NOT NULL, -- nanoseconds since 1970
	PRIMARY KEY (tree_id, end_index)
) WITHOUT ROWID;

-- A tile holds the hashes of the complete subtrees of 32^level leaves numbered
-- 32*tile_index and on, 1 to 32 of them, 32 bytes each.
CREATE TABLE tiles (
	tile_id    INTEGER PRIMARY KEY,
	tree_id    INTEGER NOT NULL REFERENCES trees ON DELETE CASCADE,
	level      INTEGER NOT NULL,
	tile_index INTEGER NOT NULL,
	hashes     BLOB    NOT NULL
);
CREATE UNIQUE INDEX tiles_by_index ON tiles (tree_id, level, tile_index);
`

// migrate makes the schema in an empty file and refuses one that it does not know.
func migrate(path string) (err error) {
	db, err := sql.Open("sqlite", dsn(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin()
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer tx.Rollback() // no effect after Commit
	var version int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("reading the schema version: %w", err)
	}
	switch {
	case version == schemaVersion:
		return nil
	case version > schemaVersion:
		return fmt.Errorf("schema version %d, want at most %d: %w", version, schemaVersion, ErrNewerSchema)
	}
	if _, err := tx.Exec(schema); err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return fmt.Errorf("setting the schema version: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	return nil
}
