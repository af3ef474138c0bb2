package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What waits in all is bounded. When as much waits as may, a client that has few
// records there takes the place of the client that has most: so nobody keeps others
// from posting records, by however many.

// crowded tells whether so much waits that the clients are counted.
func (a *Admission) crowded(t store.WaitingTotal) bool {
	l := a.options.Waiting
	return l.Records > 0 && t.Records > l.Records/2 || l.Bytes > 0 && t.Bytes > l.Bytes/2
}

func (t *totals) setClients(clients map[store.WaitingClient]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clients = clients
}

// largestBeside returns the client of which most waits, if that is more than what
// would wait of another one with a record more, and counts a record of each.
func (t *totals) largestBeside(client store.WaitingClient) (largest store.WaitingClient, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, n := range t.clients {
		if n > t.clients[largest] {
			largest = c
		}
	}
	if t.clients[largest] <= t.clients[client]+1 {
		return largest, false
	}
	t.clients[largest]--
	t.clients[client]++
	return largest, true
}

// makeRoom ends the waiting of a record of the client of which most waits, where
// there is no room for another record. Without such a client the record is refused
// when it is to be stored.
func (a *Admission) makeRoom(ctx context.Context, s *submission) error {
	more := store.WaitingTotal{Records: 1, Bytes: int64(len(s.envelope))}
	if exceeds(a.totals.waiting(), more, a.options.Waiting.Records, a.options.Waiting.Bytes) {
		largest, ok := a.totals.largestBeside(store.WaitingClientOf(s.client))
		if !ok {
			return nil
		}
		freed, err := a.endNewestOf(ctx, largest)
		if err != nil || freed == (store.WaitingTotal{}) {
			return err
		}
		a.totals.waits(store.WaitingTotal{Records: -freed.Records, Bytes: -freed.Bytes})
		s.hasRoom = true // nobody else gets it
		return nil
	}
	return nil
}

// endNewestOf rejects the record of a client that came last of those that wait, with
// those behind it, and returns how much that was.
func (a *Admission) endNewestOf(ctx context.Context, client store.WaitingClient) (freed store.WaitingTotal, err error) {
	var newest store.WaitingPlace
	err = a.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		newest, err = tx.NewestWaitingOf(client)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return freed, nil
	}
	if err != nil {
		return freed, err
	}
	err = a.do(ctx, &task{logID: newest.LogID, run: func(l *openLog) error {
		before := l.waitingTotal()
		if w := l.findKey(newest.Record); w != nil {
			l.reject(w, "too many records of its author wait for content, and others wait for room")
		}
		after := l.waitingTotal()
		freed = store.WaitingTotal{Records: before.Records - after.Records, Bytes: before.Bytes - after.Bytes}
		return nil
	}})
	return freed, err
}

// waitingTotal is how much waits beside the log.
func (l *openLog) waitingTotal() store.WaitingTotal {
	t := store.WaitingTotal{Records: int64(len(l.waiting))}
	for _, w := range l.waiting {
		t.Bytes += w.bytes
	}
	return t
}

// maxLogEntries bounds the entries of what waits beside one log, which may all have
// to be validated for one record more.
const maxLogEntries = 5000

// restingAfter is after what time without anything of its content a waiting record
// makes room for another one where its log has no more.
const restingAfter = 30 * time.Second

// roomToWait refuses another waiting record where too many wait already.
func (b *batch) roomToWait(l *openLog, s *submission) (refusal, err error) {
	limits, more := b.a.options.Waiting, store.WaitingTotal{Records: 1, Bytes: int64(len(s.envelope))}
	for exceeds(l.waitingTotal(), more, limits.LogRecords, limits.LogBytes) || l.waitingEntries() > 0 && l.waitingEntries()+len(s.record.Record.Entries) > maxLogEntries {
		w := l.leastWorth(s)
		if w == nil {
			return &registry.WaitingError{Reason: fmt.Sprintf("%d records of this package wait for content: upload it, or post a record without new content, which enters at once and ends their waiting", len(l.waiting))}, nil
		}
		l.reject(w, "too many records of this package wait for content, and another one needs the room")
	}
	key := s.record.Envelope.KeyID
	signed := b.signers[key]
	if signed == nil {
		total, err := b.tx.WaitingOf(key)
		if err != nil {
			return nil, err
		}
		signed = &total
		b.signers[key] = signed
	}
	if exceeds(*signed, more, limits.SignerRecords, limits.SignerBytes) {
		return &registry.WaitingError{Reason: fmt.Sprintf("%d records signed with this key wait for content; upload it, or wait until they end", signed.Records)}, nil
	}
	if !s.hasRoom && exceeds(b.a.totals.waiting(), more, limits.Records, limits.Bytes) {
		return &registry.WaitingError{Reason: "as many records wait for content as may in this registry; try again later", All: true}, nil
	}
	signed.Records += more.Records
	signed.Bytes += more.Bytes
	b.a.totals.waits(more)
	return nil, nil
}

func exceeds(have, more store.WaitingTotal, records, bytes int64) bool {
	return records > 0 && have.Records+more.Records > records || bytes > 0 && have.Bytes+more.Bytes > bytes
}

func (l *openLog) waitingEntries() (n int) {
	for _, w := range l.waiting {
		n += w.entries
	}
	return n
}

// leastWorth returns the waiting record beside a full log that makes room for
// another one: the newest of the signer with most, if that has more than the new
// one's signer would have, or else the one of which nothing came for longest; nil if
// there is none. What the new record follows is none of them.
func (l *openLog) leastWorth(s *submission) *waitingRecord {
	counts := map[store.WaitingClient]int{}
	var most store.WaitingClient
	for _, w := range l.waiting {
		if counts[w.signer]++; counts[w.signer] > counts[most] {
			most = w.signer
		}
	}
	followed := l.followed(s.record.Record.Prev)
	if counts[most] > counts[store.WaitingClientOf(string(s.record.Envelope.KeyID))]+1 {
		for _, w := range slices.Backward(l.waiting) {
			if w.signer == most && !followed[w] {
				return w
			}
		}
	}
	var resting *waitingRecord
	for _, w := range l.waiting {
		if w.change.Missing > 0 && !followed[w] && (resting == nil || w.activeAt.Before(resting.activeAt)) {
			resting = w
		}
	}
	if resting == nil || l.b.a.options.Now().Sub(resting.activeAt) < restingAfter {
		return nil
	}
	return resting
}

// followed returns the waiting records that a record would follow.
func (l *openLog) followed(prev protocol.AnyHash) map[*waitingRecord]bool {
	chain := map[*waitingRecord]bool{}
	for w := l.find(func(w *waitingRecord) bool { return w.change.RecordID.Any() == prev }); w != nil; w = l.before(w) {
		chain[w] = true
	}
	return chain
}
