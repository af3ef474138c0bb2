-- +goose Up

-- The proofs of releases that were listed to OCI clients, which fetch them by digest: what a
-- proof was made of, so that every process makes the same again. Of each release two at
-- most: of a note that is signed (cosigned = 0), and of one that a quorum has cosigned.
CREATE TABLE listed_proofs (
  log_id   BLOB NOT NULL,
  version  TEXT NOT NULL,
  cosigned INTEGER NOT NULL,
  manifest BLOB NOT NULL,
  proof    BLOB NOT NULL,
  note     BLOB NOT NULL,
  PRIMARY KEY (log_id, version, cosigned)
) WITHOUT ROWID;
CREATE INDEX listed_proofs_by_manifest ON listed_proofs (manifest);
CREATE INDEX listed_proofs_by_proof ON listed_proofs (proof);

-- +goose Down
DROP TABLE listed_proofs;
