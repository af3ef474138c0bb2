package admission

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/store"
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
	for exceeds(a.totals.waiting(), more, a.options.Waiting.Records, a.options.Waiting.Bytes) {
		largest, ok := a.totals.largestBeside(store.WaitingClientOf(s.client))
		if !ok {
			return nil
		}
		freed, err := a.endNewestOf(ctx, largest)
		if err != nil || freed == (store.WaitingTotal{}) {
			return err
		}
		a.totals.waits(store.WaitingTotal{Records: -freed.Records, Bytes: -freed.Bytes})
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
