-- +goose NO TRANSACTION
-- +goose Up

-- migrations/sqlite says what these hold. Statements here are run again if a process
-- ends between them and the note of the version.

CREATE TABLE IF NOT EXISTS checkpoint_leaves (
  leaf       BIGINT NOT NULL PRIMARY KEY,
  log_length BIGINT NOT NULL
) ENGINE = InnoDB;
INSERT IGNORE INTO checkpoint_leaves (leaf, log_length)
  SELECT ROW_NUMBER() OVER (ORDER BY log_length) - 1, log_length FROM checkpoints
  WHERE log_length <= (SELECT log_length FROM checkpoints_log WHERE id = 1);

CREATE TABLE IF NOT EXISTS tiled (
  log      BIGINT NOT NULL PRIMARY KEY,
  size     BIGINT NOT NULL,
  subtrees BLOB NOT NULL
) ENGINE = InnoDB;
INSERT IGNORE INTO tiled (log, size, subtrees) VALUES (0, 0, ''), (1, 0, '');

CREATE TABLE IF NOT EXISTS log_tiles (
  log    BIGINT NOT NULL,
  level  BIGINT NOT NULL,
  tile   BIGINT NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (log, level, tile)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS notes (
  log  BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  size BIGINT NOT NULL,
  note MEDIUMBLOB NOT NULL,
  PRIMARY KEY (log, kind)
) ENGINE = InnoDB;
INSERT IGNORE INTO notes (log, kind, size, note) VALUES (0, 0, 0, ''), (0, 1, 0, ''), (1, 0, 0, ''), (1, 1, 0, '');

CREATE TABLE IF NOT EXISTS witnessed (
  log     BIGINT NOT NULL,
  witness VARBINARY(32) NOT NULL,
  size    BIGINT NOT NULL,
  PRIMARY KEY (log, witness)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE IF EXISTS witnessed, notes, log_tiles, tiled, checkpoint_leaves;
