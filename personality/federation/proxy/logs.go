package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Bounds of an answer, as those of this registry: the rest comes by asking again.
const (
	maxRecordsPerAnswer = 10_000
	maxBytesPerAnswer   = 4 << 20
	pageRecords         = 1000 // that are asked for at a time
)

// packageLog is a log that was replayed, as of a checkpoint. It does not change.
type packageLog struct {
	records []reader.PublishedRecord
	state   *protocol.PackageLog
	token   string // asks for what follows the last record
	length  uint64 // of the checkpoint in which its head is proved to be the head
	size    int64  // bytes of the records
}

func (l *packageLog) bytes() int64 { return 2 * l.size } // with what the state has of them

// upTo returns the records below an index of the registry's log.
func (l *packageLog) upTo(length uint64) []reader.PublishedRecord {
	return l.records[:sort.Search(len(l.records), func(i int) bool { return l.records[i].RegistryIndex >= length })]
}

// FetchLogs implements [httpapi.Reader].
func (p *Proxy) FetchLogs(ctx context.Context, q reader.FetchLogsRequest) (answer reader.FetchLogsResponse, err error) {
	at, err := p.earlier(ctx, q.LogLength)
	if err != nil {
		return answer, err
	}
	s, err := p.reachesState(ctx, q.LogLength)
	if err != nil {
		return answer, err
	}
	if at.MapRoot == (protocol.Hash{}) {
		at = s.checkpoint.Contents.Checkpoint // of which the heads are proved; what is behind is cut off
	}
	ids := make([]protocol.Hash, len(q.Packages))
	for i, cursor := range q.Packages {
		ids[i] = cursor.LogID
	}
	logs, err := p.packageLogs(ctx, at, ids)
	if err != nil {
		return answer, p.judge(ctx, err)
	}
	room := room{maxRecordsPerAnswer, maxBytesPerAnswer}
	operator := packageLog{records: s.records}
	if answer.Operator, answer.More, err = room.page(operator.upTo(q.LogLength), q.Operator, q.Limit); err != nil {
		return answer, err
	}
	for _, cursor := range q.Packages {
		if room.records <= 0 || room.bytes <= 0 {
			answer.More = true
			break
		}
		records, more, err := room.page(logs[cursor.LogID].upTo(q.LogLength), cursor.FetchToken, q.Limit)
		if err != nil {
			return answer, err
		}
		answer.More = answer.More || more
		answer.Packages = append(answer.Packages, reader.PackageRecords{LogID: cursor.LogID, Records: records})
	}
	return answer, nil
}

// reachesState returns what is verified, as of at least some length.
func (p *Proxy) reachesState(ctx context.Context, length uint64) (*state, error) {
	if s := p.current.Load(); s != nil && s.checkpoint.Contents.LogLength >= length {
		return s, nil
	}
	return p.newest(ctx)
}

// room is what an answer still has room for.
type room struct{ records, bytes int }

// page returns the records behind a token, up to the limit and the room, and whether there
// are more.
func (r *room) page(records []reader.PublishedRecord, token string, limit int) ([]reader.PublishedRecord, bool, error) {
	if token != "" {
		id, err := protocol.ParseHash(token)
		known := slices.IndexFunc(records, func(r reader.PublishedRecord) bool { return r.RecordID == id })
		if err != nil || known < 0 {
			return nil, false, &registry.FetchTokenNotFoundError{Token: token}
		}
		records = records[known+1:]
	}
	n := 0
	for n < min(len(records), limit) && r.records > 0 && r.bytes > 0 {
		r.records--
		r.bytes -= len(records[n].Envelope.Content) + recordBytes
		n++
	}
	return records[:n], n < len(records), nil
}

// packageLogs returns logs as of a checkpoint, or a later one.
func (p *Proxy) packageLogs(ctx context.Context, at protocol.Checkpoint, ids []protocol.Hash) (map[protocol.Hash]*packageLog, error) {
	logs := map[protocol.Hash]*packageLog{}
	var old []protocol.Hash
	for _, id := range ids {
		if logs[id] != nil {
			continue
		}
		known, ok := p.logs.Get(id)
		if !ok {
			known = &packageLog{state: new(protocol.PackageLog)}
		}
		logs[id] = known
		if known.length < at.LogLength {
			old = append(old, id)
		}
	}
	if len(old) == 0 {
		return logs, nil
	}
	if err := p.checkFilter(ctx, old); err != nil {
		return nil, err
	}
	reading, err := p.readOn(ctx, at, old, logs)
	if err != nil {
		return nil, err
	}
	if err := p.proveHeads(ctx, at, old, reading); err != nil {
		return nil, err
	}
	for _, id := range old {
		l := reading[id]
		l.length = at.LogLength
		logs[id] = l
		p.logs.Put(id, l)
		p.remember(id, l)
	}
	return logs, nil
}

// remember keeps what proofs and content need of a log that is proved.
func (p *Proxy) remember(id protocol.Hash, l *packageLog) {
	for _, r := range l.records {
		p.leaves.Put(r.RegistryIndex, protocol.LogLeaf{LogID: id, RecordID: r.RecordID})
	}
	if p.options.Registry.Filter.LetsAllThrough() {
		return
	}
	for release := range l.state.Releases() {
		if digest, err := release.Content.Hash(); err == nil {
			p.digests.Put(digest, true)
		}
	}
}

// readOn asks for what follows of some logs, as of a checkpoint, and validates it.
func (p *Proxy) readOn(ctx context.Context, at protocol.Checkpoint, ids []protocol.Hash, known map[protocol.Hash]*packageLog) (map[protocol.Hash]*packageLog, error) {
	reading := map[protocol.Hash]*packageLog{}
	for _, id := range ids {
		l, err := known[id].copy()
		if err != nil {
			return nil, err
		}
		reading[id] = l
	}
	limit := uint16(pageRecords)
	var operator string // asks for what follows its records that came, which nobody needs here
	for total := int64(0); ; {
		request := api.FetchLogsRequest{LogLength: at.LogLength, Limit: &limit}
		if operator != "" {
			request.Operator = &operator
		}
		for _, id := range ids {
			request.Packages = append(request.Packages, api.HashEntry[*string]{Hash: id.Any(), Value: reading[id].cursor()})
		}
		var answer api.FetchLogsResponse
		if err := p.up.post(ctx, api.FetchLogsPath, request, &answer, new(api.FetchError)); err != nil {
			return nil, p.explainLogs(err, at, known)
		}
		came := int64(0)
		for _, of := range answer.Packages {
			bytes, err := p.extend(reading, of, at.LogLength)
			if err != nil {
				return nil, err
			}
			came += bytes
		}
		if n := len(answer.Operator); n > 0 && answer.Operator[n-1].FetchToken != operator {
			operator = answer.Operator[n-1].FetchToken
			for _, r := range answer.Operator {
				came += int64(len(r.Envelope.Content) + recordBytes)
			}
		}
		total += came
		switch {
		case !answer.More:
			return reading, nil
		case came == 0:
			return nil, p.unproven(client.ClaimPackageLog, errors.New("it says that there are more records, and gives none"))
		case total > maxLog:
			return nil, &registry.TooLargeError{Reason: fmt.Sprintf("the package logs that are asked for have more than %d bytes; ask for fewer at a time", maxLog)}
		}
	}
}

func (l *packageLog) copy() (*packageLog, error) {
	c := &packageLog{records: slices.Clip(l.records), token: l.token, size: l.size, state: new(protocol.PackageLog)}
	if len(l.records) == 0 {
		return c, nil
	}
	text, err := l.state.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return c, c.state.UnmarshalJSON(text)
}

func (l *packageLog) cursor() *string {
	if l.token == "" {
		return nil
	}
	return &l.token
}

// extend validates the next records of a log, and returns how much there is of them.
func (p *Proxy) extend(reading map[protocol.Hash]*packageLog, of api.HashEntry[[]api.PublishedRecord], length uint64) (bytes int64, err error) {
	id, err := of.Hash.Hash()
	l := reading[id]
	if err != nil || l == nil {
		return 0, p.unproven(client.ClaimPackageLog, fmt.Errorf("the answer has records of log %s, which was not asked for", of.Hash))
	}
	for _, r := range of.Value {
		if err := l.extend(r, length); err != nil {
			return 0, p.unproven(client.ClaimPackageLog, fmt.Errorf("log %s, record at index %d: %w", id, r.RegistryIndex, err))
		}
		bytes += int64(len(r.Envelope.Content) + recordBytes)
	}
	l.size += bytes
	return bytes, nil
}

func (l *packageLog) extend(r api.PublishedRecord, length uint64) error {
	switch n := len(l.records); {
	case n > 0 && r.RegistryIndex <= l.records[n-1].RegistryIndex:
		return fmt.Errorf("it does not come after the record before it, which is at %d", l.records[n-1].RegistryIndex)
	case r.RegistryIndex >= length:
		return fmt.Errorf("it is not in the log of the checkpoint, which has length %d", length)
	case r.FetchToken == "":
		return errors.New("it has no fetch token")
	}
	record, err := protocol.ParsePackageEnvelope(r.Envelope)
	if err == nil {
		err = l.state.Validate(record)
	}
	if err != nil {
		return err
	}
	l.records = append(l.records, reader.PublishedRecord{RecordID: record.ID, Envelope: r.Envelope, RegistryIndex: r.RegistryIndex})
	l.token = r.FetchToken
	return nil
}

// explainLogs returns the error of a request for records. A registry that does not know what
// it has given denies it, and so does one that does not know a checkpoint which it signed.
func (p *Proxy) explainLogs(err error, at protocol.Checkpoint, known map[protocol.Hash]*packageLog) error {
	var refusal *api.FetchError
	if !errors.As(err, &refusal) {
		return p.refuted(client.ClaimPackageLog, err)
	}
	switch refusal.Variant {
	case api.FetchLogNotFound:
		id, hashErr := refusal.LogID.Hash()
		if l := known[id]; hashErr == nil && l != nil && len(l.records) == 0 {
			return &registry.LogNotFoundError{LogID: id}
		}
		return p.unproven(client.ClaimPackageLog, fmt.Errorf("log %s was there, or was not asked for: %w", refusal.LogID, err))
	case api.FetchCheckpointNotFound:
		return p.unproven(client.ClaimConsistency, fmt.Errorf("it signed a checkpoint of length %d, and does not know it: %w", at.LogLength, err))
	}
	return p.refuted(client.ClaimPackageLog, err)
}
