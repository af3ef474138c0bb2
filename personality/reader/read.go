package reader

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LatestCheckpoint returns the newest signed checkpoint.
func (r *Reader) LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error) {
	c, err := readOne(ctx, &r.database, (*store.Tx).LatestCheckpoint)
	if errors.Is(err, store.ErrNotFound) {
		err = &registry.CheckpointNotFoundError{}
	}
	return c.Signed, err
}

// How long the answer about a record that is being processed is held back, and
// how often to look for a checkpoint made by another process meanwhile.
const (
	statusHold = 200 * time.Millisecond
	statusPoll = 50 * time.Millisecond
)

// RecordStatus returns where a record stands. For one that is being processed it
// waits a moment for its publication: a client that asks right after posting,
// and would ask again a second later, learns it at once.
func (r *Reader) RecordStatus(ctx context.Context, logID, recordID protocol.Hash) (registry.RecordStatus, error) {
	end := time.Now().Add(statusHold)
	for {
		newer := r.options.NextCheckpoint() // before looking, so that none is missed
		status, err := r.recordStatus(ctx, logID, recordID)
		left := time.Until(end)
		if err != nil || status.State != registry.Processing || left <= 0 || ctx.Err() != nil {
			return status, err
		}
		wake.Sleep(ctx, min(left, statusPoll), newer)
	}
}

func (r *Reader) recordStatus(ctx context.Context, logID, recordID protocol.Hash) (registry.RecordStatus, error) {
	return read(ctx, &r.database, func(tx *store.Tx) (registry.RecordStatus, error) {
		record, err := registry.FindRecord(tx, logID, recordID)
		if err != nil {
			return registry.RecordStatus{}, err
		}
		return registry.StatusOf(tx, record)
	})
}

// Names returns the package names of logs of which a record is published.
func (r *Reader) Names(ctx context.Context, logIDs []protocol.Hash) ([]NamedLog, error) {
	named := make([]NamedLog, len(logIDs))
	var unknown []protocol.Hash
	for i, id := range logIDs {
		var ok bool
		named[i].LogID = id
		if named[i].Name, ok = r.kept.names.Get(id); !ok {
			unknown = append(unknown, id)
		}
	}
	found := map[protocol.Hash]string{}
	for some := range slices.Chunk(unknown, chunk) {
		names, err := read(ctx, &r.database, func(tx *store.Tx) (map[protocol.Hash]string, error) { return tx.PublishedNames(some) })
		if err != nil {
			return nil, err
		}
		for id, name := range names {
			r.kept.names.Put(id, name)
		}
		maps.Copy(found, names)
	}
	for i := range named {
		if named[i].Name == "" {
			named[i].Name = found[named[i].LogID]
		}
	}
	return named, ctx.Err()
}

// Leaves returns up to count leaves of the records log from an index on, as far
// as the newest checkpoint covers them.
func (r *Reader) Leaves(ctx context.Context, start uint64, count int) ([]protocol.LogLeaf, error) {
	return readOne(ctx, &r.database, func(tx *store.Tx) ([]protocol.LogLeaf, error) {
		rows, err := tx.Leaves(start, count)
		var leaves []protocol.LogLeaf
		for _, row := range rows {
			leaves = append(leaves, row.LogLeaf)
		}
		return leaves, err
	})
}
