-- +goose Up

-- The one row that says how much of the checkpoints log is verified: the log
-- length of the newest checkpoint in it, how many leaves it has up to that, and
-- the hashes of their perfect subtrees, left to right, 32 bytes each. It begins
-- with nothing in every database: where the log has leaves already, they are read
-- and verified once. It takes the place of logged_length and checkpoints_logged in
-- the table applied, which nobody reads any more.
CREATE TABLE checkpoints_log (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  log_length INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  subtrees   BLOB NOT NULL
);
INSERT INTO checkpoints_log (id, log_length, size, subtrees) VALUES (1, 0, 0, x'');

-- +goose Down
DROP TABLE checkpoints_log;
