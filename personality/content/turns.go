package content

import (
	"context"
	"sync"
)

type clientKey struct{}

// WithClient returns a context that says for whom content is checked: an address, or
// a key. Checks take turns by it, so that one client's many or costly contents leave
// others their share. All checks without it count as one client's.
func WithClient(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, clientKey{}, client)
}

func clientOf(ctx context.Context) string {
	client, _ := ctx.Value(clientKey{}).(string)
	return client
}

// turns shares capacity, of any unit, fairly between clients. It is start-time fair
// queueing: what a client takes adds to its virtual time, the client with the least
// goes first, and one that comes, or comes back, begins where the others are. So one
// that takes little waits for no more than those who hold something now, and nobody
// waits for ever. A client holds at most half of the capacity, but always one thing.
//
// Safe for concurrent use.
type turns struct {
	capacity int64

	mu      sync.Mutex // guards the rest
	free    int64
	now     int64 // virtual time: that of the client who was last let in
	arrived int64 // how many have come
	clients map[string]*turnClient
}

// turnClient is a client that holds something, waits, or is ahead of the others.
type turnClient struct {
	virtual int64
	held    int64
	waiting []*turnWaiter // in order of arrival
}

type turnWaiter struct {
	weight, cost int64
	arrival      int64
	ready        chan struct{} // closed when it is let in
}

func newTurns(capacity int64) *turns {
	return &turns{capacity: capacity, free: capacity, clients: map[string]*turnClient{}}
}

// acquire waits until client may hold weight more of the capacity, for which cost is
// added to its virtual time. If ctx ends first it fails with the cause of that, and
// nothing is held.
func (t *turns) acquire(ctx context.Context, client string, weight, cost int64) error {
	t.mu.Lock()
	return t.wait(ctx, client, weight, cost)
}

// pass gives weight back and acquires it again, behind those who go before. correction
// is added to the client's virtual time first: what it really took less what it was
// charged for. If pass fails, nothing is held.
func (t *turns) pass(ctx context.Context, client string, weight, correction, cost int64) error {
	t.mu.Lock()
	t.giveBack(client, weight, correction)
	return t.wait(ctx, client, weight, cost)
}

// release gives weight back; see pass for the correction.
func (t *turns) release(client string, weight, correction int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveBack(client, weight, correction)
	t.letIn()
}

// wait is the rest of acquire. It unlocks mu.
func (t *turns) wait(ctx context.Context, client string, weight, cost int64) error {
	if ctx.Err() != nil {
		t.letIn()
		t.mu.Unlock()
		return context.Cause(ctx)
	}
	c := t.clients[client]
	if c == nil {
		c = &turnClient{}
		t.clients[client] = c
	}
	if c.held == 0 && len(c.waiting) == 0 {
		c.virtual = max(c.virtual, t.now)
	}
	t.arrived++
	w := &turnWaiter{weight: min(weight, t.capacity), cost: cost, arrival: t.arrived, ready: make(chan struct{})}
	c.waiting = append(c.waiting, w)
	t.letIn()
	t.mu.Unlock()

	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.ready: // at the same moment
		t.giveBack(client, w.weight, -cost)
	default:
		c.remove(w)
	}
	t.letIn()
	return context.Cause(ctx)
}

func (t *turns) giveBack(client string, weight, correction int64) {
	weight = min(weight, t.capacity)
	c := t.clients[client]
	c.held -= weight
	c.virtual += correction
	t.free += weight
}

// letIn lets in all whose turn it is. Who needs more than is free is waited for: a
// large one would else be overtaken for ever.
func (t *turns) letIn() {
	for {
		c := t.next()
		if c == nil || c.waiting[0].weight > t.free {
			break
		}
		w := c.waiting[0]
		c.waiting = c.waiting[1:]
		t.now = max(t.now, c.virtual)
		t.free -= w.weight
		c.held += w.weight
		c.virtual += w.cost
		close(w.ready)
	}
	t.forget()
}

// next is the client whose turn it is, or nil.
func (t *turns) next() *turnClient {
	var next *turnClient
	for _, c := range t.clients {
		if len(c.waiting) == 0 || (c.held > 0 && c.held+c.waiting[0].weight > t.capacity/2) {
			continue
		}
		if next == nil || c.virtual < next.virtual ||
			(c.virtual == next.virtual && c.waiting[0].arrival < next.waiting[0].arrival) {
			next = c
		}
	}
	return next
}

// forget drops the clients of whom nothing needs to be known: those who would begin
// where the others are, or all when nobody is there to be ahead of.
func (t *turns) forget() {
	busy := false
	for _, c := range t.clients {
		busy = busy || c.held > 0 || len(c.waiting) > 0
	}
	for key, c := range t.clients {
		if c.held == 0 && len(c.waiting) == 0 && (!busy || c.virtual <= t.now) {
			delete(t.clients, key)
		}
	}
}

func (c *turnClient) remove(w *turnWaiter) {
	for i := range c.waiting {
		if c.waiting[i] == w {
			c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
			return
		}
	}
}
