package limits

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Gate bounds how many requests are worked on at a time, and with it the memory
// and the processors that they take. Many times as many may wait a while for their
// turn; a longer queue would only be served when its clients have given up. A turn is for work: nobody should have one while the network is waited for.
//
// One client has at most a quarter of the places, and of those who wait. The client
// whose turns have taken the least time comes first, however many requests each of
// them has waiting: one that asks for little is served many times for each time of
// one that asks for much. (Start-time fair queueing.) Safe for concurrent use. A nil Gate is always open.
type Gate struct {
	what    string // what there are too many of
	maxWait time.Duration
	places  int // turns at a time
	waiters int // who may wait

	mu      sync.Mutex
	inside  int                          // guarded by mu; turns that are taken
	waiting int                          // guarded by mu
	clients map[netip.Prefix]*gateClient // guarded by mu; those inside or waiting
	order   []*gateClient                // guarded by mu; those waiting; of those that have spent the same the first one is next
	spent   time.Duration                // guarded by mu; of the client that was let in last: where new ones begin
}

// gateClient is what one client has of a gate. Guarded by the gate's mu.
type gateClient struct {
	address netip.Prefix
	share   int // of the places
	inside  int
	spent   time.Duration // of its turns
	waiting []*gateTicket // the first one is the next one in
}

// gateTicket is one request that waits.
type gateTicket struct {
	client *gateClient
	turn   chan struct{} // closed when it has its turn
	began  time.Time     // its turn
}

const (
	// waitersPerPlace is how many may wait, per place.
	waitersPerPlace = 128
	// shares is into how many parts a resource is divided: no client has more
	// than one of them.
	shares = 4
)

// NewGate returns a gate for n at a time who wait at most maxWait for their
// turn, or nil if n is not above zero.
func NewGate(what string, n int, maxWait time.Duration) *Gate {
	if n <= 0 {
		return nil
	}
	return &Gate{what: what, maxWait: maxWait, places: n, waiters: n * waitersPerPlace, clients: map[netip.Prefix]*gateClient{}}
}

// Enter waits for a turn of a client and returns what ends it, to be called when
// the work is done; calling it again does nothing. It fails with a [*Refusal] or
// the error of ctx. A client that is not counted, the zero Prefix, may have all
// places; see [Addresses.Client].
func (g *Gate) Enter(ctx context.Context, client netip.Prefix) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	ticket, err := g.join(client)
	if err != nil {
		return nil, err
	}
	leave = sync.OnceFunc(func() { g.leave(ticket) })
	select {
	case <-ticket.turn:
		return leave, nil
	default:
	}
	timer := time.NewTimer(g.maxWait)
	defer timer.Stop()
	select {
	case <-ticket.turn:
		return leave, nil
	case <-timer.C:
		err = g.refusal()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if !g.giveUp(ticket) { // its turn came at the last moment
		leave()
	}
	return nil, err
}

// join gives a client a turn, or else a place among those who wait.
func (g *Gate) join(address netip.Prefix) (*gateTicket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.clients[address]
	if c == nil {
		c = &gateClient{address: address, share: g.places, spent: g.spent}
		if address.IsValid() {
			c.share = share(g.places)
		}
	}
	ticket := &gateTicket{client: c, turn: make(chan struct{})}
	if g.inside < g.places && c.inside < c.share { // then none of this client waits
		g.clients[address] = c
		g.admit(ticket)
		return ticket, nil
	}
	if g.waiting >= g.waiters || address.IsValid() && len(c.waiting) >= share(g.waiters) {
		return nil, g.refusal()
	}
	g.clients[address] = c
	if len(c.waiting) == 0 {
		g.order = append(g.order, c)
	}
	c.waiting = append(c.waiting, ticket)
	g.waiting++
	return ticket, nil
}

// share is the most that one client has of n.
func share[N int | int64](n N) N { return max(1, n/shares) }

// admit gives a ticket its turn. Under mu.
func (g *Gate) admit(t *gateTicket) {
	g.inside++
	t.client.inside++
	g.spent = max(g.spent, t.client.spent)
	t.began = time.Now()
	close(t.turn)
}

// next returns the index of the waiting client that comes next; -1 for none. Under
// mu.
func (g *Gate) next() int {
	next := -1
	for i, c := range g.order {
		if c.inside < c.share && (next < 0 || c.spent < g.order[next].spent) {
			next = i
		}
	}
	return next
}

// leave ends a turn and gives the next ones theirs.
func (g *Gate) leave(t *gateTicket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ended := t.client
	g.inside--
	ended.inside--
	ended.spent += time.Since(t.began)
	g.forget(ended)
	for g.inside < g.places {
		next := g.next()
		if next < 0 {
			return
		}
		c := g.order[next]
		g.order = slices.Delete(g.order, next, next+1)
		ticket := c.waiting[0]
		c.waiting = c.waiting[1:]
		g.waiting--
		if len(c.waiting) > 0 {
			g.order = append(g.order, c)
		}
		g.admit(ticket)
	}
}

// giveUp takes a ticket away from those who wait; false if it has its turn.
func (g *Gate) giveUp(t *gateTicket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := t.client
	i := slices.Index(c.waiting, t)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	g.waiting--
	if len(c.waiting) == 0 {
		i := slices.Index(g.order, c)
		g.order = slices.Delete(g.order, i, i+1)
		g.forget(c)
	}
	return true
}

// forget drops a client that has nothing. Under mu.
func (g *Gate) forget(c *gateClient) {
	if c.inside == 0 && len(c.waiting) == 0 {
		delete(g.clients, c.address)
	}
}

func (g *Gate) refusal() error {
	return &Refusal{http.StatusServiceUnavailable, "too many " + g.what + " at the moment; try again in a few seconds", 2 * time.Second}
}
