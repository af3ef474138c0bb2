package reader

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// A request that names more than so many leaves or logs is a large one. Few of
// these are worked on at a time, so that those who ask for little, which is
// nearly everybody, do not stand behind those who ask for much.
const (
	largeRequest = 50
	largeAtOnce  = 2
	largeWaiting = 6
	largeWait    = 5 * time.Second
	// The same for answers that turn out to be bulky; a turn of these is short, and keeps
	// a processor busy.
	bulkyWaiting = 14 // they keep a place of the API meanwhile, of which there are twice as many
)

// bulkyAtOnce leaves processors to those that ask for little.
func bulkyAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// turns bounds what is worked on at a time.
type turns struct {
	taken      chan struct{} // one for each turn that is taken
	waiting    atomic.Int32
	maxWaiting int32
	wait       time.Duration
}

func newTurns(atOnce, waiting int, wait time.Duration) *turns {
	return &turns{taken: make(chan struct{}, atOnce), maxWaiting: int32(waiting), wait: wait}
}

// enterIfLarge waits for a turn if a request names many items. The caller gives
// it back by leave. [registry.ErrOverloaded] if too many wait, or for too long.
func (t *turns) enterIfLarge(ctx context.Context, items int) (leave func(), err error) {
	if items <= largeRequest {
		return func() {}, nil
	}
	return t.enter(ctx)
}

// enter waits for a turn.
func (t *turns) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-t.taken }
	select {
	case t.taken <- struct{}{}:
		return leave, nil
	default:
	}
	if t.waiting.Add(1) > t.maxWaiting {
		t.waiting.Add(-1)
		return nil, registry.ErrOverloaded
	}
	defer t.waiting.Add(-1)
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case t.taken <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, registry.ErrOverloaded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
