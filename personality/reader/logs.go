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
// for many logs at a time. If too many ask for much, the answer is a short one, with
// more to fetch.
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
	if errors.Is(err, registry.ErrOverloaded) {
		return answer, nil
	} else if err != nil {
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
func (r *Reader) fetchLogs(ctx context.Context, q FetchLogsRequest, bytes int) (answer FetchLogsResponse, err error) {
	if _, err := r.checkpoint(ctx, q.LogLength); err != nil {
		return answer, err
	}
	r.followTo(ctx, q.LogLength)
	operator := []PackageLogCursor{{LogID: protocol.OperatorLogID(), FetchToken: q.Operator}}
	part, err := r.fetchSome(ctx, q, operator, room{maxRecordsPerAnswer, bytes})
	if err != nil {
		return answer, err
	}
	answer.Operator, answer.More = part.Packages[0].Records, part.More
	left := room{maxRecordsPerAnswer, bytes - bytesOf(answer.Operator)}
	for cursors := range slices.Chunk(q.Packages, logsPerRead) {
		if err := ctx.Err(); err != nil {
			return FetchLogsResponse{}, err
		}
		part, err := r.fetchSome(ctx, q, cursors, left)
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

// fetchSome returns the records of some logs, or of the first of them if there is no
// room for all. It reads what is not kept.
func (r *Reader) fetchSome(ctx context.Context, q FetchLogsRequest, cursors []PackageLogCursor, left room) (FetchLogsResponse, error) {
	kept := make([]keptRecords, len(cursors))
	var unknown []PackageLogCursor
	for i, cursor := range cursors {
		if kept[i].records, kept[i].ok = r.keptBehind(cursor, q.LogLength); !kept[i].ok {
			unknown = append(unknown, cursor)
		}
	}
	if len(unknown) == 1 && unknown[0].FetchToken == "" && left.bytes <= bulkyAnswer { // of a bulky one it is known not to be small
		records, ok, err := r.readWhole(ctx, unknown[0], q.LogLength)
		if err != nil {
			return FetchLogsResponse{}, err
		}
		if ok {
			i := slices.IndexFunc(kept, func(k keptRecords) bool { return !k.ok })
			kept[i], unknown = keptRecords{records, true}, nil
		}
	}
	fromKept := func(i, limit, bytes int) ([]PublishedRecord, bool, error) {
		records, full := page(kept[i].records, q.LogLength, limit, bytes)
		return records, full, nil
	}
	if len(unknown) == 0 {
		return fetchPart(q, cursors, left, fromKept)
	}
	return read(ctx, &r.database, func(tx *store.Tx) (FetchLogsResponse, error) {
		places, err := findPlaces(tx, unknown)
		if err != nil {
			return FetchLogsResponse{}, err
		}
		return fetchPart(q, cursors, left, func(i, limit, bytes int) ([]PublishedRecord, bool, error) {
			if kept[i].ok {
				return fromKept(i, limit, bytes)
			}
			return r.readLog(tx, places, cursors[i], q.LogLength, limit, bytes)
		})
	})
}

// readWhole reads all records of one log below a length, from its beginning, and keeps
// them, if they are few: that takes one statement.
func (r *Reader) readWhole(ctx context.Context, cursor PackageLogCursor, length uint64) (records []PublishedRecord, ok bool, err error) {
	type firstPage struct {
		rows []store.Record
		all  bool
	}
	page, err := readOne(ctx, &r.database, func(tx *store.Tx) (p firstPage, err error) {
		p.rows, p.all, err = tx.FirstPage(cursor.LogID, length)
		return p, err
	})
	if err != nil || !page.all || len(page.rows) == 0 {
		return nil, false, err
	}
	if records, err = publishedRecords(page.rows); err == nil {
		r.keep(cursor.LogID, protocol.Hash{}, records, length)
	}
	return records, err == nil, err
}

// keptRecords are the records that a cursor asks for, if they are kept.
type keptRecords struct {
	records []PublishedRecord
	ok      bool
}

// fetchPart puts a part of an answer together from the records of each log, or of the
// first of them if there is no room for all.
func fetchPart(q FetchLogsRequest, cursors []PackageLogCursor, left room, of func(i, limit, bytes int) ([]PublishedRecord, bool, error)) (part FetchLogsResponse, err error) {
	part.Packages = make([]PackageRecords, 0, len(cursors))
	for i, cursor := range cursors {
		limit := min(q.Limit, left.records)
		if limit == 0 || left.bytes <= 0 {
			part.More = true
			break
		}
		records, full, err := of(i, limit, left.bytes)
		if err != nil {
			return FetchLogsResponse{}, err
		}
		left.records -= len(records)
		left.bytes -= bytesOf(records)
		part.More = part.More || full || len(records) == limit
		part.Packages = append(part.Packages, PackageRecords{LogID: cursor.LogID, Records: records})
	}
	return part, nil
}

// places are where logs, and the records that fetch tokens name, stand in the
// database.
type places struct {
	logs      map[protocol.Hash]int64
	positions map[store.RecordKey]uint64
}

func findPlaces(tx *store.Tx, cursors []PackageLogCursor) (p places, err error) {
	ids := make([]protocol.Hash, len(cursors))
	for i, cursor := range cursors {
		ids[i] = cursor.LogID
	}
	if p.logs, err = tx.LogKeys(ids); err != nil {
		return p, err
	}
	var tokens []store.RecordKey
	for _, cursor := range cursors {
		if id, err := protocol.ParseHash(cursor.FetchToken); err == nil && p.logs[cursor.LogID] != 0 {
			tokens = append(tokens, store.RecordKey{Log: p.logs[cursor.LogID], RecordID: id})
		}
	}
	p.positions, err = tx.PublishedPositions(tokens)
	return p, err
}

// readLog reads a page of the records of one log, and keeps them if they are all that
// there are.
func (r *Reader) readLog(tx *store.Tx, p places, cursor PackageLogCursor, length uint64, limit, bytes int) (records []PublishedRecord, full bool, err error) {
	log, ok := p.logs[cursor.LogID]
	if !ok {
		return nil, false, &registry.LogNotFoundError{LogID: cursor.LogID}
	}
	var behind protocol.Hash
	var from uint64
	if cursor.FetchToken != "" {
		behind, _ = protocol.ParseHash(cursor.FetchToken) // what is no hash has no position
		position, ok := p.positions[store.RecordKey{Log: log, RecordID: behind}]
		if !ok {
			return nil, false, &registry.FetchTokenNotFoundError{Token: cursor.FetchToken}
		}
		from = position + 1
	}
	rows, full, err := tx.PublishedPage(log, from, length, limit, bytes)
	if err != nil {
		return nil, false, err
	}
	if len(rows) == 0 && from == 0 {
		// Accepted, perhaps, but readers have not seen any of it yet.
		if _, err := tx.FirstPublished(log); errors.Is(err, store.ErrNotFound) {
			return nil, false, &registry.LogNotFoundError{LogID: cursor.LogID}
		} else if err != nil {
			return nil, false, err
		}
	}
	if records, err = publishedRecords(rows); err == nil && !full && len(records) < limit {
		r.keep(cursor.LogID, behind, records, length)
	}
	return records, full, err
}

func publishedRecords(rows []store.Record) ([]PublishedRecord, error) {
	records := make([]PublishedRecord, len(rows))
	for i, row := range rows {
		envelope, err := protocol.UnmarshalEnvelopeProto(row.Envelope)
		if err != nil {
			return nil, err
		}
		records[i] = PublishedRecord{RecordID: row.RecordID, Envelope: envelope, RegistryIndex: *row.RegistryIndex, stored: len(row.Envelope)}
	}
	return records, nil
}
