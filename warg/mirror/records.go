package mirror

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Record is a record as it stands in the records log.
type Record struct {
	Index    uint64 // in the log
	Leaf     protocol.LogLeaf
	Name     string // of the package; "" for a record of the operator log
	Envelope protocol.Envelope
}

// RecordsReader reads the records log of a registry from its static files. What it
// gives is in the log of a signed tree head, which continues the one before. Whether
// records are valid, and who signed them, is left to the reader. It is for one goroutine
// at a time.
type RecordsReader struct {
	// Source is what is read.
	Source audit.Source
	// VKeys are the public keys of the log's notes; those of other logs are passed over.
	// Without any, signatures of notes are not checked.
	VKeys []string
	// Policy names the witnesses that must have cosigned a tree head; nil: none must.
	Policy *witness.Policy
	// Known is the tree head that was read last; the zero value at first. Read sets it.
	Known tlog.TreeHead
}

// Read reads the newest tree head of the registry, demands that its log continues the
// one that is known, and calls visit with each record from an index on, in order. An
// error of visit ends it. Only without an error is the new tree head known.
//
// Errors: [*InconsistentError]; [witness.ErrNoQuorum]; others, but for those of visit, say
// nothing about the registry's honesty.
func (r *RecordsReader) Read(ctx context.Context, from uint64, visit func(Record) error) error {
	keys, err := KeysOf(tlog.Records, r.VKeys)
	if err != nil {
		return err
	}
	log := &remote{source: r.Source, log: tlog.Records}
	note, err := log.readHead(ctx, keys)
	if err != nil {
		return err
	}
	if r.Policy != nil {
		if _, err := r.Policy.Check(note); err != nil {
			return fmt.Errorf("%s: %w", log.path(tlog.CheckpointPath), err)
		}
	}
	known := r.Known
	if known.Origin == "" {
		known = tlog.TreeHead{Origin: log.head.Origin, Root: protocol.HashOf()}
	}
	if err := log.checkContinues(known, "what was read before"); err != nil {
		return err
	}
	if log.head.Size > known.Size || from < log.head.Size {
		t, err := log.openTree(ctx, log, known, "what was read before")
		if err != nil {
			return err
		}
		for n := from / tlog.TileWidth; n*tlog.TileWidth < log.head.Size; n++ {
			if err := log.visit(ctx, t, n, from, visit); err != nil {
				return err
			}
		}
	}
	r.Known = log.head
	return nil
}

// visit visits the records below a tile of level 0, from an index on.
func (r *remote) visit(ctx context.Context, t *tree, n, from uint64, visit func(Record) error) error {
	hashes, err := t.tile(ctx, 0, n)
	if err != nil {
		return err
	}
	f := tlog.File{Kind: tlog.Entries, Index: n, Width: len(hashes)}
	bundle, err := r.fetchChecked(ctx, f, maxEntries, func(b []byte) error { return checkEntries(b, hashes) })
	if err != nil {
		return err
	}
	f.Kind = tlog.Envelopes
	envelopes, err := r.fetchChecked(ctx, f, maxEnvelopes, func(b []byte) error { return checkEnvelopes(b, bundle, f.Width) })
	if err != nil {
		return err
	}
	entries, err := tlog.ParseEntries(bundle, f.Width)
	if err != nil {
		return err
	}
	named, err := tlog.ParseEnvelopes(envelopes, f.Width)
	if err != nil {
		return err
	}
	for i, e := range named {
		record := Record{Index: n*tlog.TileWidth + uint64(i), Name: e.Name}
		if record.Index < from {
			continue
		}
		if record.Leaf, err = protocol.ParseLogLeaf(entries[i]); err != nil {
			return err
		}
		if record.Envelope, err = protocol.UnmarshalEnvelopeProto(e.Envelope); err != nil {
			return err
		}
		if err := visit(record); err != nil {
			return err
		}
	}
	return nil
}
