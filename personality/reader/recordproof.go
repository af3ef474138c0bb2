package reader

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/recordproof"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

const (
	// maxProofRecords bounds the records that are put into one proof, in bytes.
	maxProofRecords = 8 << 20
	// pageOfProof is how many records are read at a time.
	pageOfProof = 1000
)

// releaseRecords are the records of a package up to a release.
type releaseRecords struct {
	envelopes [][]byte
	index     uint64 // of the last one in the records log
}

// RecordProof returns the proof that a release is in the records log as of the note
// that [Reader.LogNote] returns, with the records of the package that lead to it: a
// .tlog-proof of package recordproof. A [*registry.ReleaseNotFoundError] if there is no
// such release in that log, a [*registry.NoNoteError] if there is no note.
func (r *Reader) RecordProof(ctx context.Context, name protocol.PackageName, version string) ([]byte, error) {
	note, err := r.LogNote(ctx, tlog.Records)
	if err != nil {
		return nil, err
	}
	return r.RecordProofOf(ctx, name, version, note)
}

// RecordProofOf is [Reader.RecordProof] as of a note that the registry has signed. It is
// always the same of the same note.
func (r *Reader) RecordProofOf(ctx context.Context, name protocol.PackageName, version string, note []byte) ([]byte, error) {
	head, err := tlog.HeadOf(note)
	if err != nil {
		return nil, fmt.Errorf("the note of the records log in the database: %w", err)
	}
	at, err := r.findRelease(ctx, name, version, head.Size)
	if err == nil && at.bytes > bulkyAnswer { // until its text is made: that takes some times as much
		var leave func()
		if leave, err = r.bulky.enter(ctx); err == nil {
			defer leave()
		}
	}
	var found releaseRecords
	if err == nil {
		found, err = r.recordsTo(ctx, at, head.Size)
	}
	if errors.Is(err, store.ErrNotFound) {
		err = &registry.ReleaseNotFoundError{Name: name, Version: version, LogLength: head.Size}
	}
	if err != nil {
		return nil, err
	}
	path, err := r.inclusionPath(ctx, found.index, head.Size)
	if err != nil {
		return nil, err
	}
	hashes := make([]protocol.Hash, len(path))
	for i, hash := range path {
		if len(hash) != protocol.HashSize {
			return nil, fmt.Errorf("Trillian's path of leaf %d at length %d has a hash of %d bytes", found.index, head.Size, len(hash))
		}
		hashes[i] = protocol.Hash(hash)
	}
	proof, err := recordproof.Make(name, found.envelopes, found.index, hashes, note)
	if err != nil {
		return nil, &registry.TooLargeError{Reason: err.Error()}
	}
	return proof.Encode(), nil
}

// releasePlace is where a release is.
type releasePlace struct {
	log   int64
	last  uint64 // position of its record
	bytes int    // of the records up to that
}

// findRelease finds a release that is published below a length of the records log;
// [store.ErrNotFound] if there is none.
func (r *Reader) findRelease(ctx context.Context, name protocol.PackageName, version string, length uint64) (releasePlace, error) {
	return read(ctx, &r.database, func(tx *store.Tx) (at releasePlace, err error) {
		log, err := tx.Log(name.LogID())
		if err != nil {
			return at, err
		}
		releases, err := tx.Releases([]store.ReleaseKey{{Log: log.ID, Version: version}})
		if err == nil && len(releases) == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return at, err
		}
		at = releasePlace{log: log.ID, last: releases[0].Released}
		count := 0
		count, at.bytes, err = tx.PublishedSize(log.ID, at.last, length)
		switch {
		case err == nil && uint64(count) != at.last+1:
			err = store.ErrNotFound
		case err == nil && at.bytes > maxProofRecords:
			err = &registry.TooLargeError{Reason: fmt.Sprintf("the records of %s up to %s have %d bytes, more than a proof may have (%d): take them from the log", name, version, at.bytes, maxProofRecords)}
		}
		return at, err
	})
}

// recordsTo returns the records of a package up to a release.
func (r *Reader) recordsTo(ctx context.Context, at releasePlace, length uint64) (found releaseRecords, err error) {
	for next := uint64(0); next <= at.last; next = uint64(len(found.envelopes)) {
		page, err := read(ctx, &r.database, func(tx *store.Tx) ([]store.Record, error) {
			page, _, err := tx.PublishedPage(at.log, next, length, int(min(at.last-next+1, pageOfProof)), maxBytesPerAnswer)
			return page, err
		})
		if err == nil && len(page) == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return found, err
		}
		for _, record := range page {
			found.envelopes, found.index = append(found.envelopes, record.Envelope), *record.RegistryIndex
		}
	}
	return found, nil
}
