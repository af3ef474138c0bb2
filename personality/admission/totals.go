package admission

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// What all processes together have to do is counted so often, or more rarely so
// that counting takes at most the given part of the time.
const (
	countEach  = time.Second
	countShare = 20
)

// totals estimates how much is not published yet, and how much waits, in all
// processes. It is counted every now and then; what this process does between is
// added and taken away. Zero until [Admission.Run] has counted.
type totals struct {
	queue, records, bytes atomic.Int64

	mu      sync.Mutex
	clients map[store.WaitingClient]int64 // guarded by mu; records of each that wait; nil while there is much room
}

func (t *totals) queued(records int) { t.queue.Add(int64(records)) }

func (t *totals) waits(more store.WaitingTotal) {
	t.records.Add(more.Records)
	t.bytes.Add(more.Bytes)
}

func (t *totals) waiting() store.WaitingTotal {
	return store.WaitingTotal{Records: t.records.Load(), Bytes: t.bytes.Load()}
}

// checkQueue refuses another record while as many as may be are unpublished.
func (a *Admission) checkQueue() error {
	if most := a.options.MaxQueue; most > 0 && a.totals.queue.Load() >= int64(most) {
		return registry.ErrOverloaded
	}
	return nil
}

// Published notes that records were published, so that there is room for more.
func (a *Admission) Published(records int) { a.totals.queued(-records) }

// count is a step of [Admission.Run].
func (a *Admission) count(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	var stats store.QueueStats
	var clients map[store.WaitingClient]int64
	err := a.options.Store.Reserved().View(ctx, func(tx *store.Tx) (err error) {
		clients = nil
		if stats, err = tx.QueueStats(); err != nil || !a.crowded(stats.Waiting) {
			return err
		}
		clients, err = tx.WaitingByClient()
		return err
	})
	if err != nil {
		return 0, err
	}
	a.totals.queue.Store(int64(stats.Complete))
	a.totals.records.Store(stats.Waiting.Records)
	a.totals.bytes.Store(stats.Waiting.Bytes)
	a.totals.setClients(clients)
	return max(countEach, countShare*time.Since(start)), nil
}
