package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// LogNote returns the newest note of a log: of those that a quorum of witnesses has
// cosigned, where that is asked for, and else of those that are signed, with the
// cosignatures that it has. A [*registry.NoNoteError] if there is none.
func (r *Reader) LogNote(ctx context.Context, log tlog.Log) ([]byte, error) {
	cosigned := r.options.OnlyCosigned()
	note, err := read(ctx, &r.database, func(tx *store.Tx) (store.Note, error) {
		note, err := tx.CosignedNote(log)
		if cosigned || err != nil {
			return note, err
		}
		signed, err := tx.SignedNote(log)
		if signed.Size > note.Size {
			note = signed
		}
		return note, err
	})
	if err == nil && note.Size == 0 {
		err = &registry.NoNoteError{Log: string(log), Cosigned: cosigned}
	}
	return note.Text, err
}

// LogFile returns a tile or a bundle of entries of a log. Partial ones are served of
// every width, whether or not there was a note of that size: they are the beginning of
// what is there. A [*registry.LogFileNotFoundError] if the log is not so long.
func (r *Reader) LogFile(ctx context.Context, log tlog.Log, f tlog.File) ([]byte, error) {
	notFound := &registry.LogFileNotFoundError{Log: string(log), Path: f.Path()}
	if f.Kind == tlog.Tile {
		hashes, err := read(ctx, &r.database, func(tx *store.Tx) ([]byte, error) { return logTile(tx, log, f) })
		if err != nil || len(hashes) >= f.Width*protocol.HashSize {
			return hashes[:min(len(hashes), f.Width*protocol.HashSize)], err
		}
		if f.Level > 0 {
			return nil, notFound
		}
	}
	entries, err := r.entries(ctx, log, f)
	switch {
	case err != nil:
		return nil, err
	case len(entries) != f.Width:
		return nil, notFound
	case f.Kind == tlog.Entries:
		return tlog.EncodeEntries(entries)
	}
	hashes := make([]byte, 0, f.Width*protocol.HashSize)
	for _, entry := range entries {
		hash := tlog.LeafHash(entry)
		hashes = append(hashes, hash[:]...)
	}
	return hashes, nil
}

// logTile reads a tile, and checks a full one against the tile above it: what is damaged
// must not be kept by caches for ever.
func logTile(tx *store.Tx, log tlog.Log, f tlog.File) ([]byte, error) {
	hashes, err := tx.LogTile(log, f.Level, f.Index)
	if err != nil || len(hashes) < tlog.TileWidth*protocol.HashSize {
		return hashes, err
	}
	above, err := tx.LogTile(log, f.Level+1, f.Index/tlog.TileWidth)
	if err != nil {
		return nil, err
	}
	at := int(f.Index%tlog.TileWidth) * protocol.HashSize
	if root := tlog.TileRoot(hashes); len(above) < at+protocol.HashSize || !bytes.Equal(above[at:at+protocol.HashSize], root[:]) {
		return nil, fmt.Errorf("%s of the %s log is damaged in the registry's database, or the tile above it: run rebuild on an empty database", f.Path(), log)
	}
	return hashes, nil
}

// entries returns the published entries of a log that a file of level 0 covers.
func (r *Reader) entries(ctx context.Context, log tlog.Log, f tlog.File) ([][]byte, error) {
	start := f.Index * tlog.TileWidth
	return readOne(ctx, &r.database, func(tx *store.Tx) (entries [][]byte, err error) {
		if log == tlog.Records {
			leaves, err := tx.Leaves(start, f.Width)
			for _, leaf := range leaves {
				entries = append(entries, leaf.Encode())
			}
			return entries, err
		}
		checkpoints, err := tx.LoggedCheckpoints(start, f.Width)
		for _, c := range checkpoints {
			entries = append(entries, c.Encode())
		}
		return entries, err
	})
}

// Envelopes returns the names and envelopes of up to count leaves of the records log
// from one on: as many as have about maxBytes together, one at least. A
// [*registry.LogFileNotFoundError] if the log is not so long.
func (r *Reader) Envelopes(ctx context.Context, start uint64, count, maxBytes int) ([]tlog.NamedEnvelope, error) {
	envelopes, err := read(ctx, &r.database, func(tx *store.Tx) ([]tlog.NamedEnvelope, error) {
		if _, err := tx.Leaf(start + uint64(count) - 1); err != nil {
			return nil, err
		}
		return tx.Envelopes(start, count, maxBytes)
	})
	if errors.Is(err, store.ErrNotFound) {
		index := start / tlog.TileWidth
		f := tlog.File{Kind: tlog.Envelopes, Index: index, Width: int(start + uint64(count) - index*tlog.TileWidth)}
		err = &registry.LogFileNotFoundError{Log: string(tlog.Records), Path: f.Path()}
	}
	return envelopes, err
}

// SignedCheckpoints returns up to count checkpoints of the checkpoints log from one on, as
// they were signed last. final tells that none of them is the newest, which may be signed
// again. A [*registry.LogFileNotFoundError] if the log is not so long.
func (r *Reader) SignedCheckpoints(ctx context.Context, start uint64, count int) (signed []protocol.SignedCheckpoint, final bool, err error) {
	signed, err = readOne(ctx, &r.database, func(tx *store.Tx) ([]protocol.SignedCheckpoint, error) { return tx.LoggedSigned(start, count) })
	if err != nil {
		return nil, false, err
	}
	if len(signed) != count {
		index := start / tlog.TileWidth
		f := tlog.File{Kind: tlog.Signed, Index: index, Width: int(start + uint64(count) - index*tlog.TileWidth)}
		return nil, false, &registry.LogFileNotFoundError{Log: string(tlog.Checkpoints), Path: f.Path()}
	}
	newest, err := r.LatestCheckpoint(ctx)
	return signed, err == nil && newest.Contents.LogLength > signed[count-1].Contents.LogLength, err
}
