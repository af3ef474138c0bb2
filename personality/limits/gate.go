package limits

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// Gate bounds how many requests do something at a time, and with it the memory
// that they take. Sixteen times as many may wait a while for their turn; a
// longer queue would only be served when its clients have given up. Safe for
// concurrent use. A nil Gate is always open.
type Gate struct {
	what     string // what there are too many of
	slots    chan struct{}
	patience time.Duration
	waiting  atomic.Int64
}

// Those who wait, per slot.
const waitersPerSlot = 16

// NewGate returns a gate for n at a time who wait at most patience for their
// turn, or nil if n is not above zero.
func NewGate(what string, n int, patience time.Duration) *Gate {
	if n <= 0 {
		return nil
	}
	return &Gate{what: what, slots: make(chan struct{}, n), patience: patience}
}

// Enter waits for a turn and returns what ends it, to be called once. It fails
// with a [*Refusal] or the error of ctx.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	select {
	case g.slots <- struct{}{}:
		return g.leave, nil
	default:
	}
	if g.waiting.Add(1) > int64(cap(g.slots)*waitersPerSlot) {
		g.waiting.Add(-1)
		return nil, g.refusal()
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return g.leave, nil
	case <-timer.C:
		return nil, g.refusal()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (g *Gate) leave() { <-g.slots }

func (g *Gate) refusal() error {
	return &Refusal{http.StatusServiceUnavailable, "too many " + g.what + " at the moment; try again in a few seconds", 2 * time.Second}
}
