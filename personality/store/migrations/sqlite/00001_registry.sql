-- +goose Up

-- Small facts about this database: the ids of the Trillian trees.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

-- One row a log: the operator's (name is empty) and each package's.
-- length counts the accepted records, published or not; state is the log after
-- them, without its releases.
CREATE TABLE logs (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  log_id BLOB NOT NULL UNIQUE,
  name   TEXT NOT NULL,
  length INTEGER NOT NULL,
  state  BLOB NOT NULL
);

-- Every record that was ever accepted. position is its place in its log (NULL
-- once it is rejected); registry_index its leaf in the records log (NULL until
-- it is published); state_before is its log's state before it, kept until it is
-- published, for undoing it if it is rejected.
CREATE TABLE records (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  log            INTEGER NOT NULL,
  record_id      BLOB NOT NULL,
  position       INTEGER,
  state          INTEGER NOT NULL,
  registry_index INTEGER UNIQUE,
  accepted_at    INTEGER NOT NULL,
  envelope       BLOB NOT NULL,
  state_before   BLOB,
  reason         TEXT,
  UNIQUE (record_id, log),
  UNIQUE (log, position)
);

-- The releases of each package log as accepted. released and yanked are the
-- positions of the records that did it.
CREATE TABLE releases (
  log      INTEGER NOT NULL,
  version  TEXT NOT NULL,
  content  TEXT NOT NULL,
  released INTEGER NOT NULL,
  yanked   INTEGER,
  PRIMARY KEY (log, version)
) WITHOUT ROWID;

-- Contents that accepted records wait for.
CREATE TABLE missing_content (
  digest BLOB NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (digest, record)
) WITHOUT ROWID;
CREATE INDEX missing_content_by_record ON missing_content (record);

-- The records that may be sequenced: complete, not published, and the one
-- before them in their log is published. So at most one of each log.
CREATE TABLE ready (
  record INTEGER PRIMARY KEY
);

-- Every signed checkpoint. roots are the hashes of the perfect subtrees of the
-- records log at that length, left to right, 32 bytes each.
CREATE TABLE checkpoints (
  log_length INTEGER PRIMARY KEY,
  log_root   BLOB NOT NULL,
  map_root   BLOB NOT NULL,
  timestamp  INTEGER NOT NULL,
  key_id     TEXT NOT NULL,
  signature  TEXT NOT NULL,
  roots      BLOB NOT NULL
);

-- The one row that integration compares and sets: the log length of the newest
-- checkpoint, and the log length of the newest one in the checkpoints log, with
-- that log's size.
CREATE TABLE applied (
  id                 INTEGER PRIMARY KEY CHECK (id = 1),
  log_length         INTEGER NOT NULL,
  logged_length      INTEGER NOT NULL,
  checkpoints_logged INTEGER NOT NULL
);
INSERT INTO applied (id, log_length, logged_length, checkpoints_logged) VALUES (1, 0, 0, 0);

-- The process that sequences and integrates, of those that share this database.
CREATE TABLE leader (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  holder TEXT NOT NULL,
  beat   INTEGER NOT NULL
);
INSERT INTO leader (id, holder, beat) VALUES (1, '', 0);

-- The tiles of the package index. revision is the log length of the checkpoint
-- that wrote them.
CREATE TABLE map_tiles (
  tile     BLOB NOT NULL,
  revision INTEGER NOT NULL,
  data     BLOB NOT NULL,
  PRIMARY KEY (tile, revision)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE map_tiles;
DROP TABLE leader;
DROP TABLE applied;
DROP TABLE checkpoints;
DROP TABLE ready;
DROP TABLE missing_content;
DROP TABLE releases;
DROP TABLE records;
DROP TABLE logs;
DROP TABLE meta;
