// Package wake is for goroutines that wait for work: they are woken by others, or
// look again after a time.
package wake

import (
	"context"
	"sync"
	"time"
)

// Nudge makes a goroutine that waits on c, a channel with room for one, look
// again.
func Nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Sleep waits until a time has passed, somebody nudges, or ctx ends.
func Sleep(ctx context.Context, d time.Duration, nudged <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-nudged:
	case <-ctx.Done():
	}
}

// Broadcast wakes all who wait for something to happen. The zero value is
// ready. Safe for concurrent use.
type Broadcast struct {
	mu   sync.Mutex
	next chan struct{} // guarded by mu; closed when it happens; nil if nobody waits
}

// Next returns a channel that is closed the next time.
func (b *Broadcast) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// Happened wakes those who wait.
func (b *Broadcast) Happened() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
