-- +goose NO TRANSACTION
-- +goose Up

-- migrations/sqlite says what these hold.

CREATE TABLE IF NOT EXISTS content_fetches (
  record       BIGINT NOT NULL,
  digest       VARBINARY(32) NOT NULL,
  sources      BLOB NOT NULL,
  leased_until BIGINT NOT NULL,
  tries        INT NOT NULL,
  reason       BLOB,
  PRIMARY KEY (record, digest)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS content_sources (
  digest VARBINARY(32) NOT NULL,
  number INT NOT NULL,
  url    VARBINARY(2048) NOT NULL,
  PRIMARY KEY (digest, number)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE IF EXISTS content_sources;
DROP TABLE IF EXISTS content_fetches;
