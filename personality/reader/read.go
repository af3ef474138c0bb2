package reader

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LatestCheckpoint returns the newest signed checkpoint.
func (r *Reader) LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error) {
	var c store.Checkpoint
	err := r.Store.View(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.LatestCheckpoint()
		return err
	})
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
		newer := r.NextCheckpoint() // before looking, so that none is missed
		status, err := r.recordStatus(ctx, logID, recordID)
		left := time.Until(end)
		if err != nil || status.State != registry.Processing || left <= 0 || ctx.Err() != nil {
			return status, err
		}
		wake.Sleep(ctx, min(left, statusPoll), newer)
	}
}

func (r *Reader) recordStatus(ctx context.Context, logID, recordID protocol.Hash) (registry.RecordStatus, error) {
	var status registry.RecordStatus
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		record, err := registry.FindRecord(tx, logID, recordID)
		if err != nil {
			return err
		}
		status, err = registry.StatusOf(tx, record)
		return err
	})
	return status, err
}

// An answer of [Reader.FetchLogs] has at most so many records, and ends with
// the one that brings its records to so many bytes, however many logs it is
// about. The rest is fetched by asking again.
const (
	maxRecordsPerAnswer = 10_000
	maxBytesPerAnswer   = 4 << 20
)

// FetchLogs returns published records of the operator log and of package logs,
// as of a checkpoint. Errors: *[registry.CheckpointNotFoundError], *[registry.LogNotFoundError],
// *[registry.FetchTokenNotFoundError].
func (r *Reader) FetchLogs(ctx context.Context, q FetchLogsRequest) (FetchLogsResponse, error) {
	var answer FetchLogsResponse
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		answer = FetchLogsResponse{}
		q := q
		if err := checkpointExists(tx, q.LogLength); err != nil {
			return err
		}
		bytes := maxBytesPerAnswer
		var full bool
		var err error
		if answer.Operator, full, err = fetchLog(tx, protocol.OperatorLogID(), q.Operator, q, &bytes); err != nil {
			return err
		}
		answer.More = full || len(answer.Operator) == q.Limit
		room := maxRecordsPerAnswer
		for _, cursor := range q.Packages {
			if q.Limit = min(q.Limit, room); q.Limit == 0 || bytes <= 0 {
				answer.More = true
				break
			}
			records, full, err := fetchLog(tx, cursor.LogID, cursor.FetchToken, q, &bytes)
			if err != nil {
				return err
			}
			room -= len(records)
			answer.More = answer.More || full || len(records) == q.Limit
			answer.Packages = append(answer.Packages, PackageRecords{LogID: cursor.LogID, Records: records})
		}
		return nil
	})
	return answer, err
}

func checkpointExists(tx *store.Tx, logLength uint64) error {
	_, err := tx.Checkpoint(logLength)
	if errors.Is(err, store.ErrNotFound) {
		return &registry.CheckpointNotFoundError{LogLength: logLength}
	}
	return err
}

// fetchLog returns the records of one log and takes their bytes away; full says
// that they ended for want of bytes.
func fetchLog(tx *store.Tx, logID protocol.Hash, token string, q FetchLogsRequest, bytes *int) (records []PublishedRecord, full bool, err error) {
	log, err := tx.Log(logID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, &registry.LogNotFoundError{LogID: logID}
	}
	if err != nil {
		return nil, false, err
	}
	from, err := behindToken(tx, log.ID, token)
	if err != nil {
		return nil, false, err
	}
	rows, full, err := tx.PublishedPage(log.ID, from, q.LogLength, q.Limit, *bytes)
	if err != nil {
		return nil, false, err
	}
	if len(rows) == 0 && from == 0 {
		// Accepted, perhaps, but readers have not seen any of it yet.
		if _, err := tx.FirstPublished(log.ID); errors.Is(err, store.ErrNotFound) {
			return nil, false, &registry.LogNotFoundError{LogID: logID}
		} else if err != nil {
			return nil, false, err
		}
	}
	records = make([]PublishedRecord, len(rows))
	for i, row := range rows {
		*bytes -= len(row.Envelope)
		envelope, err := protocol.UnmarshalEnvelopeProto(row.Envelope)
		if err != nil {
			return nil, false, err
		}
		records[i] = PublishedRecord{RecordID: row.RecordID, Envelope: envelope, RegistryIndex: *row.RegistryIndex}
	}
	return records, full, nil
}

// behindToken returns the position behind the published record that a fetch
// token, which is its record id, names.
func behindToken(tx *store.Tx, log int64, token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	id, err := protocol.ParseHash(token)
	if err != nil {
		return 0, &registry.FetchTokenNotFoundError{Token: token}
	}
	record, err := tx.Record(log, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && record.State != store.Published {
		return 0, &registry.FetchTokenNotFoundError{Token: token}
	}
	if err != nil {
		return 0, err
	}
	return *record.Position + 1, nil
}

// Names returns the package names of logs of which a record is published.
func (r *Reader) Names(ctx context.Context, logIDs []protocol.Hash) ([]NamedLog, error) {
	named := make([]NamedLog, len(logIDs))
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		for i, id := range logIDs {
			name, err := tx.PublishedName(id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			named[i] = NamedLog{LogID: id, Name: name}
		}
		return nil
	})
	return named, err
}

// Leaves returns up to count leaves of the records log from an index on, as far
// as the newest checkpoint covers them.
func (r *Reader) Leaves(ctx context.Context, start uint64, count int) ([]protocol.LogLeaf, error) {
	var leaves []protocol.LogLeaf
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		leaves = nil
		rows, err := tx.Leaves(start, count)
		for _, row := range rows {
			leaves = append(leaves, row.LogLeaf)
		}
		return err
	})
	return leaves, err
}

// HasContent returns the size in bytes of a content that is kept here, or a
// *[registry.ContentNotFoundError].
func (r *Reader) HasContent(ctx context.Context, digest protocol.Hash) (int64, error) {
	c, err := r.openContent(ctx, digest)
	if err != nil {
		return 0, err
	}
	return c.Size(), c.Close()
}

// OpenContent opens a content for reading. The caller closes it.
func (r *Reader) OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	c, err := r.openContent(ctx, digest)
	if err != nil {
		return nil, time.Time{}, err
	}
	return c, c.ModTime(), nil
}

func (r *Reader) openContent(ctx context.Context, digest protocol.Hash) (content.Content, error) {
	c, err := r.Contents.Open(ctx, digest)
	if errors.Is(err, content.ErrNotFound) {
		err = &registry.ContentNotFoundError{Digest: digest}
	}
	return c, err
}
