package reader

import (
	"context"
	"errors"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// An answer of [Reader.FetchLogs] has at most so many records of packages, and
	// ends with the one that brings its records to so many bytes, however many logs
	// it is about. The rest is fetched by asking again.
	maxRecordsPerAnswer = 10_000
	maxBytesPerAnswer   = 4 << 20
	// bulkyAnswer is from how many bytes on an answer is a bulky one: few of these
	// are read at a time.
	bulkyAnswer = 128 << 10
	// logsPerRead is how many logs are read between two looks at whether the
	// client still waits. What is published below a checkpoint does not change,
	// so an answer need not be of one snapshot.
	logsPerRead = 32
)

// room is what an answer still has room for.
type room struct{ records, bytes int }

// FetchLogs returns published records of the operator log and of package logs,
// as of a checkpoint. Errors: *[registry.CheckpointNotFoundError], *[registry.LogNotFoundError],
// *[registry.FetchTokenNotFoundError], [registry.ErrOverloaded] if too many ask
// for many logs, or for much, at a time.
func (r *Reader) FetchLogs(ctx context.Context, q FetchLogsRequest) (FetchLogsResponse, error) {
	leave, err := r.large.enterIfLarge(ctx, len(q.Packages))
	if err != nil {
		return FetchLogsResponse{}, err
	}
	defer leave()
	answer, err := r.fetchLogs(ctx, q, bulkyAnswer)
	if err != nil || !answer.More || answer.bytes() < bulkyAnswer {
		return answer, err
	}
	leaveBulky, err := r.bulky.enter(ctx)
	if err != nil {
		return FetchLogsResponse{}, err
	}
	defer leaveBulky()
	return r.fetchLogs(ctx, q, maxBytesPerAnswer)
}

// bytes is how much its records have.
func (a FetchLogsResponse) bytes() int {
	return bytesOf(a.Operator) - (room{}).without(a.Packages).bytes
}

// fetchLogs returns an answer that ends with the record that brings it to so many
// bytes.
func (r *Reader) fetchLogs(ctx context.Context, q FetchLogsRequest, bytes int) (FetchLogsResponse, error) {
	first := q.Packages[:min(len(q.Packages), logsPerRead)]
	answer, err := read(ctx, &r.database, func(tx *store.Tx) (FetchLogsResponse, error) { return fetchFirstLogs(tx, q, first, bytes) })
	if err != nil {
		return FetchLogsResponse{}, err
	}
	if len(answer.Packages) < len(first) {
		return answer, nil // it is full
	}
	left := room{maxRecordsPerAnswer, bytes - bytesOf(answer.Operator)}.without(answer.Packages)
	for cursors := range slices.Chunk(q.Packages[len(first):], logsPerRead) {
		if err := ctx.Err(); err != nil {
			return FetchLogsResponse{}, err
		}
		part, err := read(ctx, &r.database, func(tx *store.Tx) (FetchLogsResponse, error) { return fetchPackageLogs(tx, q, cursors, left) })
		if err != nil {
			return FetchLogsResponse{}, err
		}
		left = left.without(part.Packages)
		answer.Packages = append(answer.Packages, part.Packages...)
		answer.More = answer.More || part.More
		if len(part.Packages) < len(cursors) {
			break // it is full
		}
	}
	return answer, nil
}

// without returns the room that is left beside some logs.
func (r room) without(logs []PackageRecords) room {
	for _, p := range logs {
		r.records -= len(p.Records)
		r.bytes -= bytesOf(p.Records)
	}
	return r
}

func bytesOf(records []PublishedRecord) (n int) {
	for _, r := range records {
		n += r.stored
	}
	return n
}

// fetchFirstLogs returns the records of the operator log and of the first logs.
func fetchFirstLogs(tx *store.Tx, q FetchLogsRequest, cursors []PackageLogCursor, bytes int) (FetchLogsResponse, error) {
	if err := checkpointExists(tx, q.LogLength); err != nil {
		return FetchLogsResponse{}, err
	}
	operator, full, err := fetchLog(tx, protocol.OperatorLogID(), q.Operator, q, bytes)
	if err != nil {
		return FetchLogsResponse{}, err
	}
	answer, err := fetchPackageLogs(tx, q, cursors, room{maxRecordsPerAnswer, bytes - bytesOf(operator)})
	answer.Operator = operator
	answer.More = answer.More || full || len(operator) == q.Limit
	return answer, err
}

// fetchPackageLogs returns the records of some logs, or of the first of them if
// there is no room for all.
func fetchPackageLogs(tx *store.Tx, q FetchLogsRequest, cursors []PackageLogCursor, left room) (part FetchLogsResponse, err error) {
	for _, cursor := range cursors {
		if q.Limit = min(q.Limit, left.records); q.Limit == 0 || left.bytes <= 0 {
			part.More = true
			break
		}
		records, full, err := fetchLog(tx, cursor.LogID, cursor.FetchToken, q, left.bytes)
		if err != nil {
			return part, err
		}
		left.records -= len(records)
		left.bytes -= bytesOf(records)
		part.More = part.More || full || len(records) == q.Limit
		part.Packages = append(part.Packages, PackageRecords{LogID: cursor.LogID, Records: records})
	}
	return part, nil
}

func checkpointExists(tx *store.Tx, logLength uint64) error {
	_, err := tx.Checkpoint(logLength)
	if errors.Is(err, store.ErrNotFound) {
		return &registry.CheckpointNotFoundError{LogLength: logLength}
	}
	return err
}

// fetchLog returns the records of one log; full says that they ended for want of
// bytes.
func fetchLog(tx *store.Tx, logID protocol.Hash, token string, q FetchLogsRequest, bytes int) (records []PublishedRecord, full bool, err error) {
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
	rows, full, err := tx.PublishedPage(log.ID, from, q.LogLength, q.Limit, bytes)
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
		envelope, err := protocol.UnmarshalEnvelopeProto(row.Envelope)
		if err != nil {
			return nil, false, err
		}
		records[i] = PublishedRecord{RecordID: row.RecordID, Envelope: envelope, RegistryIndex: *row.RegistryIndex, stored: len(row.Envelope)}
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
