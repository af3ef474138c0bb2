package audit

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// recordSource is the records log at the size of a tree head, verified against its root.
type recordSource interface {
	nodes
	// stated is the tree head, and what it says.
	stated() (claim, treeClaim)
	// leaves calls f with the entries from one index up to another, in order.
	leaves(ctx context.Context, from, to uint64, f func(index uint64, entry []byte) error) error
	// batches calls f with entries and their envelopes, likewise.
	batches(ctx context.Context, from, to uint64, f func(batch) error) error
	// envelope returns the name and envelope of an entry of a log.
	envelope(ctx context.Context, index uint64) (tlog.NamedEnvelope, error)
}

// batch is some records in a row.
type batch struct {
	first     uint64
	entries   [][]byte
	envelopes []tlog.NamedEnvelope
	tokens    []string // fetch tokens, if the records come from v1/fetch/logs
	// unfit makes the lie that an envelope is not that of its entry.
	unfit func(ctx context.Context, index uint64) error
}

// tiledRecords is the records log in its static files.
type tiledRecords struct {
	*tiledLog
	kept      uint64 // the bundle of envelopes that is in memory, plus 1
	envelopes []tlog.NamedEnvelope
}

func (s *tiledRecords) stated() (claim, treeClaim) { return s.claim, s.head }

func (t *tiledLog) file(kind tlog.Kind, n uint64) tlog.File {
	return tlog.File{Kind: kind, Index: n, Width: tlog.Width(0, n, t.head.Size)}
}

// leaves implements [recordSource].
func (t *tiledLog) leaves(ctx context.Context, from, to uint64, f func(uint64, []byte) error) error {
	for n := from / tlog.TileWidth; n*tlog.TileWidth < to; n++ {
		file := t.file(tlog.Entries, n)
		e, err := t.fetch(ctx, file, maxEntries)
		if err != nil {
			return err
		}
		entries, err := t.tiledEntries(ctx, file, e)
		if err != nil {
			return err
		}
		first := n * tlog.TileWidth
		for i, entry := range entries {
			if at := first + uint64(i); at >= from && at < to {
				if err := f(at, entry); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// bundle is the answers for a bundle.
type bundle struct {
	tile, entries, envelopes exchange
	err                      error
}

// ahead is how many bundles are read ahead of the one that is worked on. Each has up to
// 64 MiB, though most have far less.
const ahead = 2

// batches implements [recordSource].
func (s *tiledRecords) batches(ctx context.Context, from, to uint64, f func(batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	coming := make(chan chan bundle, ahead)
	defer func() { // requests end with this call
		cancel()
		for one := range coming {
			<-one
		}
	}()
	go func() {
		defer close(coming)
		for n := from / tlog.TileWidth; n*tlog.TileWidth < to; n++ {
			one := make(chan bundle, 1)
			select {
			case coming <- one:
			case <-ctx.Done():
				return
			}
			go func() { one <- s.fetchBundle(ctx, n) }()
		}
	}()
	n := from / tlog.TileWidth
	for one := range coming {
		b := <-one
		if b.err != nil {
			return b.err
		}
		next, err := s.batch(ctx, n, b, from, to)
		if err != nil {
			return err
		}
		if err := f(next); err != nil {
			return err
		}
		n++
	}
	return ctx.Err()
}

// fetchBundle reads the files of a bundle. It verifies nothing, and may run beside others.
func (s *tiledRecords) fetchBundle(ctx context.Context, n uint64) (b bundle) {
	if tile := s.file(tlog.Tile, n); tile.Width == tlog.TileWidth {
		if b.tile, b.err = s.fetch(ctx, tile, maxTile); b.err != nil {
			return b
		}
	}
	if b.entries, b.err = s.fetch(ctx, s.file(tlog.Entries, n), maxEntries); b.err != nil {
		return b
	}
	b.envelopes, b.err = s.fetch(ctx, s.file(tlog.Envelopes, n), maxEnvelopes)
	return b
}

// batch verifies the tile and the entries of a bundle.
func (s *tiledRecords) batch(ctx context.Context, n uint64, b bundle, from, to uint64) (batch, error) {
	if tile := s.file(tlog.Tile, n); tile.Width == tlog.TileWidth {
		if _, err := s.accept(ctx, tile, b.tile); err != nil {
			return batch{}, err
		}
	}
	entries, err := s.tiledEntries(ctx, s.file(tlog.Entries, n), b.entries)
	if err != nil {
		return batch{}, err
	}
	first := n * tlog.TileWidth
	envelopes, err := bundleEnvelopes(s.file(tlog.Envelopes, n), b.envelopes)
	unfit := func(ctx context.Context, index uint64) error {
		path, err := nodePath(ctx, s, 0, index, s.head.Size)
		if err != nil {
			return err
		}
		return &lie{newEnvelopeFacts(s.claim, index, entries[index-first], path, b.envelopes, envelopes)}
	}
	if err != nil {
		return batch{}, unfit(ctx, first)
	}
	low, high := max(from, first)-first, min(to-first, uint64(len(entries)))
	return batch{first: first + low, entries: entries[low:high], envelopes: envelopes[low:high], unfit: unfit}, nil
}

// bundleEnvelopes are the envelopes of a bundle, from the answer for it or for the full
// one.
func bundleEnvelopes(f tlog.File, e exchange) ([]tlog.NamedEnvelope, error) {
	width, err := answeredWidth(tlog.Records, f, e)
	if err != nil {
		return nil, err
	}
	envelopes, err := tlog.ParseEnvelopes(e.Answer, width)
	if err != nil {
		return nil, err
	}
	return envelopes[:f.Width], nil
}

// envelope implements [recordSource].
func (s *tiledRecords) envelope(ctx context.Context, index uint64) (e tlog.NamedEnvelope, err error) {
	n := index / tlog.TileWidth
	if s.kept != n+1 {
		answer, err := s.fetch(ctx, s.file(tlog.Envelopes, n), maxEnvelopes)
		if err != nil {
			return e, err
		}
		if s.envelopes, err = bundleEnvelopes(s.file(tlog.Envelopes, n), answer); err != nil {
			return e, fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
		s.kept = n + 1
	}
	return s.envelopes[index%tlog.TileWidth], nil
}

// prove makes the evidence that a record is in the log.
func prove(ctx context.Context, s recordSource, index uint64, e tlog.NamedEnvelope) (provenRecord, error) {
	_, head := s.stated()
	path, err := nodePath(ctx, s, 0, index, head.Size)
	return provenRecord{Index: index, Name: e.Name, Envelope: e.Envelope, Path: path}, err
}

// recordsOf are the records of one log up to an index, read anew.
func recordsOf(ctx context.Context, s recordSource, logID protocol.Hash, last uint64) (all []provenRecord, err error) {
	err = s.leaves(ctx, 0, last+1, func(at uint64, entry []byte) error {
		leaf, bad := protocol.ParseLogLeaf(entry)
		if bad != nil || leaf.LogID != logID {
			return nil
		}
		all = append(all, provenRecord{Index: at})
		return nil
	})
	for i := range all {
		if err != nil {
			return nil, err
		}
		var e tlog.NamedEnvelope
		if e, err = s.envelope(ctx, all[i].Index); err == nil {
			all[i], err = prove(ctx, s, all[i].Index, e)
		}
	}
	return all, err
}
