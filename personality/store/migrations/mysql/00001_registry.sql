-- +goose NO TRANSACTION
-- +goose Up

-- The tables of the registry; migrations/sqlite says what they hold. All values
-- are bytes or integers, so no collation has a say. Statements here are run
-- again if a process ends between them and the note of the version.

CREATE TABLE IF NOT EXISTS meta (
  name  VARBINARY(255) NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS logs (
  id     BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  log_id VARBINARY(32) NOT NULL,
  name   BLOB NOT NULL,
  length BIGINT NOT NULL,
  state  MEDIUMBLOB NOT NULL,
  UNIQUE KEY log_id (log_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS records (
  id             BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  log            BIGINT NOT NULL,
  record_id      VARBINARY(32) NOT NULL,
  position       BIGINT,
  state          TINYINT NOT NULL,
  registry_index BIGINT,
  accepted_at    BIGINT NOT NULL,
  envelope       MEDIUMBLOB NOT NULL,
  state_before   MEDIUMBLOB,
  reason         MEDIUMBLOB,
  UNIQUE KEY registry_index (registry_index),
  UNIQUE KEY record_id (record_id, log),
  UNIQUE KEY position (log, position)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS releases (
  log      BIGINT NOT NULL,
  version  VARBINARY(2048) NOT NULL,
  content  VARBINARY(255) NOT NULL,
  released BIGINT NOT NULL,
  yanked   BIGINT,
  PRIMARY KEY (log, version)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS missing_content (
  digest VARBINARY(32) NOT NULL,
  record BIGINT NOT NULL,
  PRIMARY KEY (digest, record),
  KEY record (record)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS ready (
  record BIGINT NOT NULL PRIMARY KEY
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS checkpoints (
  log_length BIGINT NOT NULL PRIMARY KEY,
  log_root   VARBINARY(32) NOT NULL,
  map_root   VARBINARY(32) NOT NULL,
  timestamp  BIGINT NOT NULL,
  key_id     VARBINARY(255) NOT NULL,
  signature  VARBINARY(1024) NOT NULL,
  roots      BLOB NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS applied (
  id                 BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  log_length         BIGINT NOT NULL,
  logged_length      BIGINT NOT NULL,
  checkpoints_logged BIGINT NOT NULL
) ENGINE = InnoDB;
INSERT IGNORE INTO applied (id, log_length, logged_length, checkpoints_logged) VALUES (1, 0, 0, 0);

CREATE TABLE IF NOT EXISTS leader (
  id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  holder VARBINARY(255) NOT NULL,
  beat   BIGINT NOT NULL
) ENGINE = InnoDB;
INSERT IGNORE INTO leader (id, holder, beat) VALUES (1, '', 0);

CREATE TABLE IF NOT EXISTS map_tiles (
  tile     VARBINARY(33) NOT NULL,
  revision BIGINT NOT NULL,
  data     MEDIUMBLOB NOT NULL,
  PRIMARY KEY (tile, revision)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE IF EXISTS map_tiles, leader, applied, checkpoints, ready, missing_content, releases, records, logs, meta;
