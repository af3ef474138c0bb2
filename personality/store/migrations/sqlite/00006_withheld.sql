-- +goose Up

-- The operator's signed statements that content is withheld, or released again, in JSON, by
-- their numbers from 0 on. The newest of a content counts. They are not in the log: a
-- rebuild does not bring them back.
CREATE TABLE withheld (
  sequence  INTEGER NOT NULL PRIMARY KEY,
  digest    BLOB NOT NULL,
  statement BLOB NOT NULL
);
CREATE INDEX withheld_by_digest ON withheld (digest, sequence);

-- +goose Down
DROP TABLE withheld;
