package admission

import (
	"context"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// What costs much processor time is done one at a time, so that it leaves most of
// the processors to all others: records that are large, since each of their keys is
// a point of the curve that has to be decoded and each version has to be looked up,
// and records behind long chains.
const (
	// heavyRecord is the size in bytes from which on a record is large.
	heavyRecord = 16 << 10
	// maxHeavyWaiters is how many may wait for their turn, heavyOfClient how many of
	// one client, and heavyWait how long.
	maxHeavyWaiters = 64
	heavyOfClient   = 4
	heavyWait       = 5 * time.Second
)

// heavyTurns lets one client at a time do what costs much.
type heavyTurns struct {
	turn chan struct{}

	mu      sync.Mutex
	waiting map[string]int // guarded by mu; how many of each client wait or have the turn
	all     int            // guarded by mu; of all clients
}

func newHeavyTurns() *heavyTurns {
	return &heavyTurns{turn: make(chan struct{}, 1), waiting: map[string]int{}}
}

// enter waits for the turn. [registry.ErrOverloaded] where too many wait.
func (t *heavyTurns) enter(ctx context.Context, client string) (leave func(), err error) {
	t.mu.Lock()
	if t.waiting[client] >= heavyOfClient || t.all >= maxHeavyWaiters {
		t.mu.Unlock()
		return nil, registry.ErrOverloaded
	}
	t.waiting[client]++
	t.all++
	t.mu.Unlock()
	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all--
		if t.waiting[client]--; t.waiting[client] == 0 {
			delete(t.waiting, client)
		}
	}
	timer := time.NewTimer(heavyWait)
	defer timer.Stop()
	select {
	case t.turn <- struct{}{}:
		return func() { <-t.turn; gone() }, nil
	case <-timer.C:
		gone()
		return nil, registry.ErrOverloaded
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}
