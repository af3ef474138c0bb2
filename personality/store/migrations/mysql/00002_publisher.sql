-- +goose NO TRANSACTION
-- +goose Up

-- migrations/sqlite says what it holds. Statements here are run again if a process
-- ends between them and the note of the version.

CREATE TABLE IF NOT EXISTS checkpoints_log (
  id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  log_length BIGINT NOT NULL,
  size       BIGINT NOT NULL,
  subtrees   BLOB NOT NULL
) ENGINE = InnoDB;
INSERT IGNORE INTO checkpoints_log (id, log_length, size, subtrees) VALUES (1, 0, 0, '');

-- +goose Down
DROP TABLE IF EXISTS checkpoints_log;
