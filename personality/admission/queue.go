package admission

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// The queue's length is counted so often, or more rarely so that counting takes
// at most the given part of the time.
const (
	countEach  = time.Second
	countShare = 20
)

// queueLength estimates how many complete records wait to be published, in all
// processes. It is counted every now and then; what this process does between
// is added and taken away. Zero until [Admission.Run] has counted.
type queueLength struct{ n atomic.Int64 }

func (q *queueLength) add(records int) { q.n.Add(int64(records)) }

// admit refuses another record while the queue is as long as it may be.
func (r *Admission) admit() error {
	if r.MaxQueue > 0 && r.queue.n.Load() >= int64(r.MaxQueue) {
		return registry.ErrOverloaded
	}
	return nil
}

// countQueue is a step of [Admission.Run].
func (r *Admission) countQueue(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	var stats store.QueueStats
	err := r.Store.Reserved().View(ctx, func(tx *store.Tx) (err error) {
		stats, err = tx.QueueStats()
		return err
	})
	if err != nil {
		return 0, err
	}
	r.queue.n.Store(int64(stats.Complete))
	return max(countEach, countShare*time.Since(start)), nil
}
