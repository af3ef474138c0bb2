package limits

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Budget bounds how many bytes of requests and answers are held in memory while
// they are on their way. One client has at most a quarter of it, or 16 MiB.
//
// When it is used up, transfers are cut off until there is room: the slowest
// ones that have lasted over a second, measured by the bytes that their client
// took or sent. So clients that let the server wait keep nobody else out,
// however many there are. Who needs more than its own share cuts off transfers
// of its own. Of those who wait for room, the client that holds least comes first:
// what is freed is kept for it, however much it needs, so that many small wants do
// not starve a large one. If cutting off does not do, those who hold much and wait
// for more are refused. Those who hold little have an eighth more. Safe for concurrent use. A nil Budget bounds nothing.
type Budget struct {
	total, share int64 // bytes
	maxWait      time.Duration

	mu        sync.Mutex
	held      int64                  // guarded by mu
	clients   map[netip.Prefix]int64 // guarded by mu; bytes held by each
	transfers map[*Holding]struct{}  // guarded by mu; those that may be cut off
	waiters   []*waiter              // guarded by mu; who waits for room in all, in the order of coming
	freed     chan struct{}          // guarded by mu; closed when bytes are given back
}

// waiter is a holding that waits for so many bytes more.
type waiter struct {
	of    *Holding
	bytes int64
	since time.Time
	// refused says that what it holds is needed by others. Guarded by the budget's
	// mu.
	refused bool
}

// Holding is what one request holds of a [Budget]. It belongs to the goroutine of
// the request. A nil Holding counts nothing.
type Holding struct {
	budget *Budget
	client netip.Prefix

	// Guarded by the budget's mu:
	bytes int64     // held
	moved int64     // sent or received in the transfer
	since time.Time // when the transfer began
	cut   bool      // to be cut off

	cutting sync.Mutex // held while interrupt is called
	end     func()     // guarded by cutting; interrupts the transfer; nil: there is none
}

const (
	// leastTransfer is how long a transfer lasts before it may be cut off: a
	// client needs some time to begin.
	leastTransfer = time.Second
	// leastShare is the least that a client has of a budget, in bytes, if there is
	// as much: room for the largest answer.
	leastShare = 16 << 20
	// little is what a request may hold, in bytes, to get what it needs beside a
	// budget that is used up: an eighth more is for such requests.
	little = 64 << 10
	// lookAgain is after what time who waits for room looks for more to cut off.
	lookAgain = 50 * time.Millisecond
	// leastWait is how long somebody who holds much may wait for more before what
	// it holds is given to those who hold less.
	leastWait = time.Second
)

// NewBudget returns a budget of so many bytes, for whose parts requests wait at
// most maxWait; nil if it is not above zero.
func NewBudget(bytes int64, maxWait time.Duration) *Budget {
	if bytes <= 0 {
		return nil
	}
	return &Budget{
		total: bytes, share: min(bytes, max(share(bytes), leastShare)), maxWait: maxWait,
		clients: map[netip.Prefix]int64{}, transfers: map[*Holding]struct{}{}, freed: make(chan struct{}),
	}
}

// Hold returns a holding of no bytes for a request of a client. A client that is
// not counted, the zero Prefix, may have all of the budget.
func (b *Budget) Hold(client netip.Prefix) *Holding {
	if b == nil {
		return nil
	}
	return &Holding{budget: b, client: client}
}

// Grow takes n more bytes. It waits until there is room, and fails with a
// [*Refusal] or the error of ctx.
func (h *Holding) Grow(ctx context.Context, n int64) error {
	if h == nil {
		return nil
	}
	b := h.budget
	if n > b.share {
		return ErrFull
	}
	var timer *time.Timer // of the whole wait
	w := &waiter{of: h, bytes: n, since: time.Now()}
	defer b.leave(w)
	for {
		freed, victims, err := b.take(w)
		if freed == nil {
			return err
		}
		for _, v := range victims {
			v.interrupt()
		}
		if timer == nil {
			timer = time.NewTimer(b.maxWait)
			defer timer.Stop()
		}
		select {
		case <-freed:
		case <-time.After(lookAgain):
		case <-timer.C:
			return ErrFull
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TryGrow takes n more bytes if there is room now.
func (h *Holding) TryGrow(n int64) bool {
	if h == nil {
		return true
	}
	b := h.budget
	w := &waiter{of: h, bytes: n, since: time.Now()}
	defer b.leave(w)
	freed, victims, err := b.take(w)
	for _, v := range victims { // somebody else may have better luck
		v.interrupt()
	}
	return freed == nil && err == nil
}

// ErrFull refuses a request for want of room in memory.
var ErrFull = &Refusal{http.StatusServiceUnavailable, "the registry holds as much of requests and answers as it may at the moment; try again in a few seconds", 2 * time.Second}

// take takes the bytes if there is room beside what is kept for whoever comes
// first. Else it returns what is closed when some are given back, and the transfers
// to cut off, or a refusal.
func (b *Budget) take(w *waiter) (freed <-chan struct{}, victims []*Holding, refusal error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, n := w.of, w.bytes
	if w.refused || h.cut {
		return nil, nil, ErrFull
	}
	most := b.total
	if h.client.IsValid() {
		most = b.share
	}
	total := b.total
	if h.bytes+n <= little {
		total += total / 8
	}
	overShare, overTotal := b.clients[h.client]+n-most, b.held+n-total
	if overShare <= 0 && overTotal+b.keptFrom(w) <= 0 {
		h.add(n)
		return nil, nil, nil
	}
	if overShare <= 0 && !slices.Contains(b.waiters, w) {
		b.waiters = append(b.waiters, w)
	}
	if overShare > 0 {
		victims = b.slowest(overShare, func(v *Holding) bool { return v.client == h.client })
	} else {
		victims = b.slowest(overTotal, func(*Holding) bool { return true })
		for _, v := range victims {
			overTotal -= v.bytes
		}
		b.refuse(w, overTotal)
	}
	return b.freed, victims, nil
}

// refuse refuses waiters that hold so many bytes and whose clients hold more than
// that of w: the greatest first. Under mu.
func (b *Budget) refuse(w *waiter, bytes int64) {
	refused := false
	for _, other := range b.waiters {
		if other.refused {
			bytes -= other.of.bytes
		}
	}
	for bytes > 0 {
		var worst *waiter
		for _, other := range b.waiters {
			holds := b.clients[other.of.client]
			if other.refused || other.of.bytes == 0 || holds <= b.clients[w.of.client] || time.Since(other.since) < leastWait {
				continue
			}
			if worst == nil || holds > b.clients[worst.of.client] {
				worst = other
			}
		}
		if worst == nil {
			break
		}
		worst.refused, refused = true, true
		bytes -= worst.of.bytes
	}
	if refused { // wake them
		close(b.freed)
		b.freed = make(chan struct{})
	}
}

// keptFrom is how many bytes are kept for another one who waits, and whose client
// holds less, or as much and came before. Under mu.
func (b *Budget) keptFrom(w *waiter) int64 {
	best := w
	for _, other := range b.waiters {
		if other == w {
			continue
		}
		holds, least := b.clients[other.of.client], b.clients[best.of.client]
		if holds < least || holds == least && best == w && !b.cameBefore(w, other) {
			best = other
		}
	}
	if best == w {
		return 0
	}
	return best.bytes
}

// cameBefore tells whether w waits since before another one. Under mu.
func (b *Budget) cameBefore(w, other *waiter) bool {
	i := slices.Index(b.waiters, w)
	return i >= 0 && i < slices.Index(b.waiters, other)
}

// leave ends a wait.
func (b *Budget) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiters, w); i >= 0 {
		b.waiters = slices.Delete(b.waiters, i, i+1)
		w.of.since = w.of.since.Add(time.Since(w.since)) // its client was not waited for
		close(b.freed)                                   // what was kept for it is free
		b.freed = make(chan struct{})
	}
}

// slowest chooses transfers that hold so many bytes. Those that were chosen
// before and still hold theirs come first, to be interrupted again. Under mu.
func (b *Budget) slowest(bytes int64, among func(*Holding) bool) (chosen []*Holding) {
	now := time.Now()
	waits := make(map[*Holding]bool, len(b.waiters)) // for room, not for its client
	for _, w := range b.waiters {
		waits[w.of] = true
	}
	for h := range b.transfers {
		if h.cut && among(h) {
			chosen = append(chosen, h)
			bytes -= h.bytes
		}
	}
	for bytes > 0 {
		var worst *Holding
		var least float64
		for h := range b.transfers {
			lasted := now.Sub(h.since)
			if h.cut || waits[h] || lasted < leastTransfer || !among(h) {
				continue
			}
			if speed := float64(h.moved) / lasted.Seconds(); worst == nil || speed < least {
				worst, least = h, speed
			}
		}
		if worst == nil {
			return chosen
		}
		worst.cut = true
		chosen = append(chosen, worst)
		bytes -= worst.bytes
	}
	return chosen
}

// add counts n bytes more, or fewer. Under the budget's mu.
func (h *Holding) add(n int64) {
	b := h.budget
	h.bytes += n
	b.held += n
	if b.clients[h.client] += n; b.clients[h.client] == 0 {
		delete(b.clients, h.client)
	}
}

// Shrink gives n bytes back.
func (h *Holding) Shrink(n int64) {
	if h == nil || n == 0 {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h.add(-n)
	close(b.freed)
	b.freed = make(chan struct{})
}

// Release gives all bytes back. The holding may be used again.
func (h *Holding) Release() {
	if h != nil {
		h.Shrink(h.bytes)
	}
}

// Transfer says that from now on the client is waited for, until done is called.
// Meanwhile interrupt may be called, perhaps several times, by another goroutine:
// it makes the transfer fail soon.
func (h *Holding) Transfer(interrupt func()) (done func()) {
	if h == nil {
		return func() {}
	}
	b := h.budget
	h.cutting.Lock()
	h.end = interrupt
	h.cutting.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	h.moved, h.since, h.cut = 0, time.Now(), false
	b.transfers[h] = struct{}{}
	return func() {
		b.mu.Lock()
		delete(b.transfers, h)
		b.mu.Unlock()
		h.cutting.Lock() // an interrupt that was begun is over
		h.end = nil
		h.cutting.Unlock()
	}
}

func (h *Holding) interrupt() {
	h.cutting.Lock()
	defer h.cutting.Unlock()
	if h.end != nil {
		h.end()
	}
}

// Moved counts bytes that the client has taken or sent in the transfer. It fails
// with a [*Refusal] once the transfer is to be cut off.
func (h *Holding) Moved(bytes int) error {
	if h == nil {
		return nil
	}
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.moved += int64(bytes)
	if h.cut {
		return ErrFull
	}
	return nil
}
