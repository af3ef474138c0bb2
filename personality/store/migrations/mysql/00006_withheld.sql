-- +goose NO TRANSACTION
-- +goose Up

-- migrations/sqlite says what this holds.

CREATE TABLE IF NOT EXISTS withheld (
  sequence  BIGINT UNSIGNED NOT NULL,
  digest    VARBINARY(32) NOT NULL,
  statement BLOB NOT NULL,
  PRIMARY KEY (sequence),
  KEY digest (digest, sequence)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE IF EXISTS withheld;
