package reader

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// ListedProof is the proof of a release that was listed to those who fetch it by digest,
// or is to be. A proof depends on the note that it is made of, and of notes only the newest
// is kept; so that of each proof that was listed is kept with it, and every process makes the
// same proof of it again: see [Reader.RecordProofOf].
type ListedProof = store.ListedProof

// ProofToList returns the proof of a release, whose record has that index in the records
// log, that is to be listed: that of a cosigned note if there is one, and the one that was
// listed first, if one was. If none was, it has a note and no digests yet: see
// [Reader.ListProof]. A [*registry.NoNoteError] if no note covers the release.
func (r *Reader) ProofToList(ctx context.Context, name protocol.PackageName, version string, index uint64) (ListedProof, error) {
	only := r.options.OnlyCosigned()
	return read(ctx, &r.database, func(tx *store.Tx) (p ListedProof, err error) {
		note, err := tx.CosignedNote(tlog.Records)
		cosigned := note.Size > index
		if err == nil && !cosigned && !only {
			note, err = tx.SignedNote(tlog.Records)
		}
		if err == nil && note.Size <= index {
			err = &registry.NoNoteError{Log: string(tlog.Records), Cosigned: only}
		}
		if err != nil {
			return p, err
		}
		p, err = tx.ListedProof(name.LogID(), version, cosigned)
		if errors.Is(err, store.ErrNotFound) {
			return ListedProof{Version: version, Note: note.Text, Cosigned: cosigned}, nil
		}
		return p, err
	})
}

// ListProof stores that a proof is listed, and returns the one that is: that of another
// process, if that was first.
func (r *Reader) ListProof(ctx context.Context, name protocol.PackageName, p ListedProof) (ListedProof, error) {
	return readBy(ctx, &r.database, r.options.Store.Update, answerTime, func(tx *store.Tx) (ListedProof, error) {
		if err := tx.InsertListedProof(name.LogID(), p); err != nil {
			return p, err
		}
		return tx.ListedProof(name.LogID(), p.Version, p.Cosigned)
	})
}

// ListedProof returns the proof of a package that was listed with a digest, that of its
// manifest or its own; ok is false if none was.
func (r *Reader) ListedProof(ctx context.Context, name protocol.PackageName, digest protocol.Hash) (p ListedProof, ok bool, err error) {
	p, err = read(ctx, &r.database, func(tx *store.Tx) (ListedProof, error) { return tx.ListedProofByDigest(name.LogID(), digest) })
	if errors.Is(err, store.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}
