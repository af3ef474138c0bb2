package mirror

import (
	"context"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// logsAtOnce is how many logs one request asks for, and recordsAtOnce how many records
	// of one log, the most that the API allows.
	logsAtOnce    = 100
	recordsAtOnce = 1000
)

// window is some leaves in a row, whose records are being asked for.
type window struct {
	*ledger
	start    uint64
	leaves   []protocol.LogLeaf
	logs     map[protocol.Hash]*wanted
	order    []*wanted
	operator string   // asks for what follows the operator's records that are known
	extra    [][]byte // by leaf; the result
}

// wanted is what is asked for of one log.
type wanted struct {
	id      protocol.Hash
	name    string
	token   string   // of the last record that is known; "": none is
	indexes []uint64 // of the records, in order
	got     int
}

// known fills in the names of logs that the mirror has, and their last records.
func (w *window) known(ctx context.Context, ids []protocol.Hash) error {
	return w.store.View(ctx, func(tx *store.Tx) error {
		logs, err := tx.Logs(ids)
		if err != nil {
			return err
		}
		byKey, places := map[int64]protocol.Hash{}, []store.Place(nil)
		for _, log := range logs {
			if log.Length > 0 {
				byKey[log.ID] = log.LogID
				places = append(places, store.Place{Log: log.ID, Position: log.Length - 1})
			}
			if of := w.logs[log.LogID]; of != nil {
				of.name = log.Name
			}
		}
		heads, err := tx.RecordsAt(places)
		if err != nil {
			return err
		}
		for _, head := range heads {
			id := byKey[head.Log]
			token, ok := w.tokens.of[id]
			if !ok {
				token = head.RecordID.String()
			}
			if of := w.logs[id]; of != nil {
				of.token = token
			} else {
				w.operator = token
			}
		}
		return nil
	})
}

// fill asks for all records, and returns their names and envelopes, by leaf.
func (w *window) fill(ctx context.Context) ([][]byte, error) {
	if err := w.names(ctx); err != nil {
		return nil, err
	}
	// Logs with about as many records each are asked for together: an answer has as many
	// of each log as the one with the most needs.
	slices.SortStableFunc(w.order, func(a, b *wanted) int { return len(a.indexes) - len(b.indexes) })
	for rest := w.order; len(rest) > 0; {
		n := 1
		for n < len(rest) && n < logsAtOnce && len(rest[n].indexes) <= 4*len(rest[0].indexes) {
			n++
		}
		if err := w.fetch(ctx, rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	for _, of := range w.order {
		w.tokens.put(of.id, of.token)
	}
	return w.extra, nil
}

// names asks for the names of logs that are not known.
func (w *window) names(ctx context.Context) error {
	var unnamed []*wanted
	for _, of := range w.order {
		if of.name == "" && of.id != protocol.OperatorLogID() {
			unnamed = append(unnamed, of)
		}
	}
	for len(unnamed) > 0 {
		var request api.FetchPackageNamesRequest
		for _, of := range unnamed[:min(len(unnamed), recordsAtOnce)] {
			request.Packages = append(request.Packages, of.id.Any())
		}
		var answer api.FetchPackageNamesResponse
		if err := w.post(ctx, api.FetchPackageNamesPath, request, &answer); err != nil {
			return err
		}
		for _, p := range answer.Packages {
			id, err := p.Hash.Hash()
			if of := w.logs[id]; err == nil && of != nil && p.Value != nil && p.Value.LogID() == id {
				of.name = p.Value.String()
			}
		}
		before := len(unnamed)
		unnamed = slices.DeleteFunc(unnamed, func(of *wanted) bool { return of.name != "" })
		if len(unnamed) == before {
			return &publisher.UntrueError{Claim: "record", Err: fmt.Errorf("the upstream does not tell the name of log %s, without which its records can not be checked", unnamed[0].id)}
		}
	}
	return nil
}

// fetch asks for the records of some logs, page by page.
func (w *window) fetch(ctx context.Context, logs []*wanted) error {
	for {
		limit := uint16(1)
		request := api.FetchLogsRequest{LogLength: w.size, Limit: &limit}
		if w.operator != "" {
			request.Operator = &w.operator
		}
		missing := false
		for _, of := range logs {
			n := len(of.indexes) - of.got
			if n == 0 {
				continue
			}
			missing = true
			limit = max(limit, uint16(min(n, recordsAtOnce)))
			var cursor *string
			if of.token != "" {
				cursor = &of.token
			}
			if of.id == protocol.OperatorLogID() {
				request.Operator = cursor
			} else {
				request.Packages = append(request.Packages, api.HashEntry[*string]{Hash: of.id.Any(), Value: cursor})
			}
		}
		if !missing {
			return nil
		}
		var answer api.FetchLogsResponse
		if err := w.post(ctx, api.FetchLogsPath, request, &answer); err != nil {
			return err
		}
		if err := w.take(answer, logs); err != nil {
			return err
		}
	}
}

// take puts the records of an answer at their leaves.
func (w *window) take(answer api.FetchLogsResponse, logs []*wanted) error {
	records := map[protocol.AnyHash][]api.PublishedRecord{protocol.OperatorLogID().Any(): answer.Operator}
	for _, of := range answer.Packages {
		records[of.Hash] = of.Value
	}
	came := 0
	for _, of := range logs {
		for _, r := range records[of.id.Any()] {
			if of.got == len(of.indexes) {
				break // of a later window
			}
			at := of.indexes[of.got]
			if r.RegistryIndex != at || recordID(of.id, r.Envelope.Content) != w.leaves[at-w.start].RecordID {
				return &publisher.UntrueError{Claim: "record", Err: fmt.Errorf("the upstream gives another record of log %s at %d than its log has at %d", of.id, r.RegistryIndex, at)}
			}
			w.extra[at-w.start] = protocol.EncodeLeafData(of.name, r.Envelope.MarshalProto())
			of.got++
			came++
			of.token = r.FetchToken
		}
	}
	if came == 0 {
		return &publisher.UntrueError{Claim: "record", Err: fmt.Errorf("the upstream lacks records that its log has, such as some of log %s", logs[0].id)}
	}
	return nil
}

func recordID(log protocol.Hash, content []byte) protocol.Hash {
	if log == protocol.OperatorLogID() {
		return protocol.OperatorRecordID(content)
	}
	return protocol.PackageRecordID(content)
}
