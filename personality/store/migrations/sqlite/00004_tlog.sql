-- +goose Up

-- Which checkpoint each verified leaf of the checkpoints log is.
CREATE TABLE checkpoint_leaves (
  leaf       INTEGER PRIMARY KEY,
  log_length INTEGER NOT NULL
);
-- The log has had one leaf for each checkpoint, in the order of their lengths.
INSERT INTO checkpoint_leaves (leaf, log_length)
  SELECT ROW_NUMBER() OVER (ORDER BY log_length) - 1, log_length FROM checkpoints
  WHERE log_length <= (SELECT log_length FROM checkpoints_log WHERE id = 1);

-- Of each log (0 the records log, 1 the checkpoints log) how many leaves are below
-- full tiles, and the hashes of the perfect subtrees of these leaves, left to right,
-- 32 bytes each.
CREATE TABLE tiled (
  log      INTEGER PRIMARY KEY,
  size     INTEGER NOT NULL,
  subtrees BLOB NOT NULL
);
INSERT INTO tiled (log, size, subtrees) VALUES (0, 0, x''), (1, 0, x'');

-- The tiles of both logs: full ones of level 0, and of the levels above also those
-- that grow. A partial tile is the beginning of a longer one. What is below a partial
-- tile of level 0 is in the records, or in checkpoint_leaves.
CREATE TABLE log_tiles (
  log    INTEGER NOT NULL,
  level  INTEGER NOT NULL,
  tile   INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (log, level, tile)
) WITHOUT ROWID;

-- Of each log two notes: 0 the newest that is signed, 1 the newest that a quorum of
-- witnesses has cosigned.
CREATE TABLE notes (
  log  INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  size INTEGER NOT NULL,
  note BLOB NOT NULL,
  PRIMARY KEY (log, kind)
) WITHOUT ROWID;
INSERT INTO notes (log, kind, size, note) VALUES (0, 0, 0, x''), (0, 1, 0, x''), (1, 0, 0, x''), (1, 1, 0, x'');

-- Up to which size a witness, named by its public key, has cosigned a log.
CREATE TABLE witnessed (
  log     INTEGER NOT NULL,
  witness BLOB NOT NULL,
  size    INTEGER NOT NULL,
  PRIMARY KEY (log, witness)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE witnessed;
DROP TABLE notes;
DROP TABLE log_tiles;
DROP TABLE tiled;
DROP TABLE checkpoint_leaves;
