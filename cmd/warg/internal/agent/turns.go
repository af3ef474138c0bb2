package agent

import (
	"context"
	"sync"
)

// turns lets one publish at a time to a package: records of one author would only stand in
// each other's way.
type turns struct {
	mu      sync.Mutex
	waiting map[string]*turn // guarded by mu
}

type turn struct {
	free  chan struct{} // holds an item while nobody publishes
	users int           // that publish or wait, guarded by turns.mu
}

// take waits for the turn of a package and returns what gives it back.
func (t *turns) take(ctx context.Context, name string) (done func(), err error) {
	t.mu.Lock()
	own := t.waiting[name]
	if own == nil {
		if t.waiting == nil {
			t.waiting = map[string]*turn{}
		}
		own = &turn{free: make(chan struct{}, 1)}
		own.free <- struct{}{}
		t.waiting[name] = own
	}
	own.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.waiting, name)
		}
	}
	select {
	case <-own.free:
		return func() { own.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
