-- +goose NO TRANSACTION
-- +goose Up

-- migrations/sqlite says what this holds.

CREATE TABLE IF NOT EXISTS listed_proofs (
  log_id   VARBINARY(32) NOT NULL,
  version  VARBINARY(2048) NOT NULL,
  cosigned TINYINT NOT NULL,
  manifest VARBINARY(32) NOT NULL,
  proof    VARBINARY(32) NOT NULL,
  note     MEDIUMBLOB NOT NULL,
  PRIMARY KEY (log_id, version, cosigned),
  KEY manifest (manifest),
  KEY proof (proof)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE IF EXISTS listed_proofs;
