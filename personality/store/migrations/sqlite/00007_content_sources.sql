-- +goose Up

-- Contents that are to be fetched for records that wait: one row for each content of a
-- record. sources are URLs, one a line. A process that works on one has it until
-- leased_until (in milliseconds since 1970), and says so again meanwhile; tries counts how
-- often one took it. reason is set when it could not be fetched: it is not tried again.
CREATE TABLE content_fetches (
  record       INTEGER NOT NULL,
  digest       BLOB NOT NULL,
  sources      TEXT NOT NULL,
  leased_until INTEGER NOT NULL,
  tries        INTEGER NOT NULL,
  reason       TEXT,
  PRIMARY KEY (record, digest)
) WITHOUT ROWID;

-- Where contents may be had beside this registry: URLs that they were fetched from.
CREATE TABLE content_sources (
  digest BLOB NOT NULL,
  number INTEGER NOT NULL,
  url    TEXT NOT NULL,
  PRIMARY KEY (digest, number)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE content_sources;
DROP TABLE content_fetches;
