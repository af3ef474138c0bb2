package limits

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Slots bounds how many things are open at a time: perClient of one client, and
// total of all. Unlike at a [Gate], nobody waits. Safe for concurrent use. A nil
// Slots bounds nothing.
type Slots struct {
	what             string // what there are too many of
	total, perClient int

	mu      sync.Mutex
	open    int                  // guarded by mu
	clients map[netip.Prefix]int // guarded by mu; those that have some open
}

// NewSlots returns slots, or nil if neither number is above zero. A number that
// is not is no limit.
func NewSlots(what string, total, perClient int) *Slots {
	if total <= 0 && perClient <= 0 {
		return nil
	}
	return &Slots{what: what, total: total, perClient: perClient, clients: map[netip.Prefix]int{}}
}

// Take opens one for a client and returns what closes it; calling that again
// does nothing. It fails with a [*Refusal]. A client that is not counted, the
// zero Prefix, may have all.
func (s *Slots) Take(client netip.Prefix) (free func(), err error) {
	if s == nil {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total > 0 && s.open >= s.total {
		return nil, &Refusal{http.StatusServiceUnavailable, "too many " + s.what + " at the moment; try again in a few seconds", 2 * time.Second}
	}
	if client.IsValid() && s.perClient > 0 && s.clients[client] >= s.perClient {
		return nil, &Refusal{http.StatusTooManyRequests, "too many " + s.what + " from your address at a time; try again when one of them has ended", 2 * time.Second}
	}
	s.open++
	s.clients[client]++
	return sync.OnceFunc(func() { s.free(client) }), nil
}

func (s *Slots) free(client netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.clients[client]--; s.clients[client] == 0 {
		delete(s.clients, client)
	}
}
