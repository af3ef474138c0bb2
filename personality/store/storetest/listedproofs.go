package storetest

import (
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// testListedProofs: the first proof of a release and kind stays, and is found by its
// digests in its package alone.
func testListedProofs(t *testing.T, db *store.DB) {
	a, b := hash("package a"), hash("package b")
	listed := func(note string, cosigned bool) store.ListedProof {
		return store.ListedProof{Version: "1.0.0", Note: []byte(note), Cosigned: cosigned, Manifest: hash("manifest of " + note), Proof: hash("proof of " + note)}
	}
	first, second, cosigned := listed("first", false), listed("second", false), listed("cosigned", true)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.InsertListedProof(a, first), tx.InsertListedProof(a, second), tx.InsertListedProof(a, cosigned))
	})
	view(t, db, func(tx *store.Tx) error {
		for _, want := range []store.ListedProof{first, cosigned} {
			got, err := tx.ListedProof(a, "1.0.0", want.Cosigned)
			equal(t, "by release", got, want)
			byManifest, err2 := tx.ListedProofByDigest(a, want.Manifest)
			equal(t, "by the manifest's digest", byManifest, want)
			byProof, err3 := tx.ListedProofByDigest(a, want.Proof)
			equal(t, "by the proof's digest", byProof, want)
			if err := errors.Join(err, err2, err3); err != nil {
				return err
			}
		}
		for _, digest := range []protocol.Hash{second.Manifest, second.Proof, hash("")} {
			if _, err := tx.ListedProofByDigest(a, digest); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what was not listed: %v", err)
			}
		}
		_, err := tx.ListedProofByDigest(b, first.Proof)
		_, err2 := tx.ListedProof(b, "1.0.0", false)
		if !errors.Is(err, store.ErrNotFound) || !errors.Is(err2, store.ErrNotFound) {
			t.Errorf("of another package: %v, %v", err, err2)
		}
		return nil
	})
}
