package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// windowLeaves is how many leaves are looked at before their records are asked for.
const windowLeaves = 512

// wanted is what is asked for of one log.
type wanted struct {
	id      protocol.Hash
	name    string
	token   string
	after   *uint64  // the record that the token names
	indexes []uint64 // of the records, in order
	got     int
}

func (w *wanted) cursor() *string {
	if w.token == "" {
		return nil
	}
	return &w.token
}

// window asks for the records of some leaves.
func (l *ledgerRecords) window(ctx context.Context, from, to uint64) (batch, error) {
	b := batch{
		first: from, entries: make([][]byte, to-from), envelopes: make([]tlog.NamedEnvelope, to-from), tokens: make([]string, to-from),
		unfit: func(context.Context, uint64) error {
			return fmt.Errorf("%w: a record is not that of its leaf", ErrNoAnswer)
		},
	}
	logs := map[protocol.Hash]*wanted{}
	var order []*wanted
	for i := from; i < to; i++ {
		leaf := l.leaf(i)
		b.entries[i-from] = leaf.Encode()
		w, ok := logs[leaf.LogID]
		if !ok {
			state, err := l.r.packageState(ctx, leaf.LogID)
			if err != nil {
				return b, err
			}
			w = &wanted{id: leaf.LogID, name: state.Name, token: state.Compared.Token}
			if w.token != "" {
				w.after = index(state.Compared.Last)
			}
			logs[leaf.LogID] = w
			order = append(order, w)
		}
		w.indexes = append(w.indexes, i)
	}
	if err := l.names(ctx, order); err != nil {
		return b, err
	}
	// Logs with about as many records each are asked for together: an answer has as many
	// of each log as the one with the most needs.
	slices.SortStableFunc(order, func(a, b *wanted) int { return len(a.indexes) - len(b.indexes) })
	for len(order) > 0 {
		n := 1
		for n < len(order) && n < 100 && len(order[n].indexes) <= 4*len(order[0].indexes) {
			n++
		}
		if err := l.fetch(ctx, order[:n], &b); err != nil {
			return b, err
		}
		order = order[n:]
	}
	return b, nil
}

// names asks for the names of logs that are not known.
func (l *ledgerRecords) names(ctx context.Context, logs []*wanted) error {
	byID := map[protocol.Hash]*wanted{}
	var request api.FetchPackageNamesRequest
	for _, w := range logs {
		if w.name == "" && w.id != protocol.OperatorLogID() {
			byID[w.id] = w
			request.Packages = append(request.Packages, w.id.Any())
		}
	}
	for len(request.Packages) > 0 {
		e, err := ask(ctx, l.r.source, Request{Method: "POST", Path: api.FetchPackageNamesPath, Body: request.AppendJSON(nil)}, maxJSON)
		if err != nil {
			return err
		}
		var answer api.FetchPackageNamesResponse
		if err := answer.UnmarshalJSON(e.Answer); err != nil || !e.has() {
			return fmt.Errorf("%s: %s: %w: it gives no names (status %d)", l.r.source, e, ErrNoAnswer, e.Status)
		}
		for _, p := range answer.Packages {
			id, err := p.Hash.Hash()
			w := byID[id]
			if err != nil || w == nil {
				continue
			}
			if p.Value == nil || p.Value.LogID() != id {
				return fmt.Errorf("%s: %w: it does not tell the name of log %s, without which its records can not be checked", l.r.source, ErrNoAnswer, id)
			}
			w.name = p.Value.String()
			delete(byID, id)
		}
		before := len(request.Packages)
		request.Packages = slices.DeleteFunc(request.Packages, func(h protocol.AnyHash) bool {
			id, _ := h.Hash()
			return byID[id] == nil
		})
		if len(request.Packages) == before {
			return fmt.Errorf("%s: %w: it does not tell the names of %d logs", l.r.source, ErrNoAnswer, before)
		}
	}
	return nil
}

// fetch asks for the records of some logs, page by page, and puts them into a batch.
func (l *ledgerRecords) fetch(ctx context.Context, logs []*wanted, b *batch) error {
	for {
		limit := uint16(1)
		request := api.FetchLogsRequest{LogLength: l.head.Size, Limit: &limit}
		operator, err := l.r.packageState(ctx, protocol.OperatorLogID())
		if err != nil {
			return err
		}
		if operator.Compared.Token != "" {
			request.Operator = &operator.Compared.Token
		}
		for _, w := range logs {
			missing := len(w.indexes) - w.got
			if missing == 0 {
				continue
			}
			limit = max(limit, uint16(min(missing, 1000)))
			if w.id == protocol.OperatorLogID() {
				request.Operator = w.cursor()
			} else {
				request.Packages = append(request.Packages, api.HashEntry[*string]{Hash: w.id.Any(), Value: w.cursor()})
			}
		}
		e, err := ask(ctx, l.r.source, Request{Method: "POST", Path: api.FetchLogsPath, Body: request.AppendJSON(nil)}, maxJSON)
		if err != nil {
			return err
		}
		done, err := l.take(ctx, e, logs, b)
		if err != nil || done {
			return err
		}
	}
}

// take puts the records of an answer into a batch; done says that all are there.
func (l *ledgerRecords) take(ctx context.Context, e exchange, logs []*wanted, b *batch) (done bool, err error) {
	var answer api.FetchLogsResponse
	if err := answer.UnmarshalJSON(e.Answer); e.has() && err != nil {
		return false, fmt.Errorf("%s: %s: %w: %w", l.r.source, e, ErrNoAnswer, err)
	}
	records := answeredLogs(answer)
	done = true
	came := 0
	for _, w := range logs {
		for _, r := range records[w.id.Any()] {
			if w.got == len(w.indexes) {
				break // of a later window
			}
			at := w.indexes[w.got]
			if r.RegistryIndex != at || recordIDIn(w.id.Any(), r.Envelope.Content) != l.leaf(at).RecordID {
				return false, l.differs(ctx, e, w, r.RegistryIndex)
			}
			b.envelopes[at-b.first] = tlog.NamedEnvelope{Name: w.name, Envelope: r.Envelope.MarshalProto()}
			b.tokens[at-b.first] = r.FetchToken
			w.got++
			came++
			w.token, w.after = r.FetchToken, &at
		}
		if w.got < len(w.indexes) {
			done = false
			if !answer.More || e.denies() {
				return false, l.differs(ctx, e, w, l.head.Size)
			}
		}
	}
	if !done && came == 0 {
		return false, fmt.Errorf("%s: %s: %w: it says that there are more records, and gives none", l.r.source, e, ErrNoAnswer)
	}
	return done, nil
}

// differs makes the lie that an answer has another record at an index, or lacks the next
// one that is wanted.
func (l *ledgerRecords) differs(ctx context.Context, e exchange, w *wanted, answered uint64) error {
	next := w.indexes[w.got]
	c, _ := l.stated()
	f := &logsFacts{Head: c, Exchange: e, After: w.after}
	if answered >= l.head.Size && e.has() {
		f.Beyond = true
		if _, err := f.judge(); err == nil {
			return &lie{f}
		}
		f.Beyond = false
	}
	at := min(answered, next)
	path, err := nodePath(ctx, l, 0, at, l.head.Size)
	if err != nil {
		return err
	}
	f.Leaf = &provenLeaf{Index: at, Leaf: api.AppendPackedRecord(nil, l.leaf(at)), Path: path}
	return &lie{f}
}

// envelope implements [recordSource]: it asks for the one record, by those before it.
func (l *ledgerRecords) envelope(ctx context.Context, at uint64) (named tlog.NamedEnvelope, err error) {
	if err := l.leaves(ctx, 0, 0, nil); err != nil {
		return named, err
	}
	leaf := l.leaf(at)
	state, err := l.r.packageState(ctx, leaf.LogID)
	if err != nil {
		return named, err
	}
	w := &wanted{id: leaf.LogID, name: state.Name}
	if err := l.names(ctx, []*wanted{w}); err != nil {
		return named, err
	}
	for i := uint64(0); i <= at; i++ {
		if l.leaf(i).LogID == leaf.LogID {
			w.indexes = append(w.indexes, i)
		}
	}
	b := batch{envelopes: make([]tlog.NamedEnvelope, at+1), tokens: make([]string, at+1)}
	if err := l.fetch(ctx, []*wanted{w}, &b); err != nil {
		return named, err
	}
	return b.envelopes[at], nil
}
