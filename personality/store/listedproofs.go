package store

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ListedProof is the proof of a release as it was listed to OCI clients.
type ListedProof struct {
	Version         string
	Note            []byte        // the signed note that it was made of
	Cosigned        bool          // by a quorum of witnesses
	Manifest, Proof protocol.Hash // digests of the artifact's manifest, and of the proof as text
}

const listedProofColumns = `version, note, cosigned, manifest, proof`

// ListedProof returns the proof of a release of a package that was listed, of a cosigned
// note or of one that need not be. [ErrNotFound] if none was.
func (tx *Tx) ListedProof(logID protocol.Hash, version string, cosigned bool) (ListedProof, error) {
	return tx.listedProof(`log_id = ? AND version = ? AND cosigned = ?`, logID[:], version, cosigned)
}

// ListedProofByDigest returns the proof of a package that was listed and has a digest: that
// of its manifest or its own. [ErrNotFound] if none has.
func (tx *Tx) ListedProofByDigest(logID, digest protocol.Hash) (ListedProof, error) {
	// In two statements, for each has an index of its own.
	p, err := tx.listedProof(`manifest = ? AND log_id = ?`, digest[:], logID[:])
	if errors.Is(err, ErrNotFound) {
		p, err = tx.listedProof(`proof = ? AND log_id = ?`, digest[:], logID[:])
	}
	return p, err
}

func (tx *Tx) listedProof(where string, args ...any) (ListedProof, error) {
	var p ListedProof
	err := tx.row(`SELECT `+listedProofColumns+` FROM listed_proofs WHERE `+where, args, &p.Version, &p.Note, &p.Cosigned, scanHash(&p.Manifest), scanHash(&p.Proof))
	return p, err
}

// InsertListedProof stores a proof that is to be listed, unless there is one of the release
// and kind: what was listed once is not replaced.
func (tx *Tx) InsertListedProof(logID protocol.Hash, p ListedProof) error {
	_, err := tx.exec(tx.dialect.insertIgnore+` INTO listed_proofs (log_id, `+listedProofColumns+`) VALUES (?, ?, ?, ?, ?, ?)`,
		logID[:], p.Version, p.Note, p.Cosigned, p.Manifest[:], p.Proof[:])
	return err
}
