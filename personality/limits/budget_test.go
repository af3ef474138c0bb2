package limits

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const mib = 1 << 20

// hold takes bytes that must be free.
func hold(t *testing.T, b *Budget, client netip.Prefix, bytes int64) *Holding {
	t.Helper()
	h := b.Hold(client)
	if err := h.Grow(t.Context(), bytes); err != nil {
		t.Fatalf("%d bytes for %v: %v", bytes, client, err)
	}
	return h
}

// noRoom checks that bytes are refused after the maxWait of the budget.
func noRoom(t *testing.T, b *Budget, client netip.Prefix, bytes int64) {
	t.Helper()
	start := time.Now()
	h := b.Hold(client)
	err := h.Grow(t.Context(), bytes)
	if r := refusal(t, err); r.Status != 503 || r.RetryAfter == 0 || time.Since(start) != b.maxWait {
		t.Errorf("%+v after %v", r, time.Since(start))
	}
	if h.bytes != 0 {
		t.Errorf("a refused holding holds %d bytes", h.bytes)
	}
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(64*mib, 5*time.Second)
		for range 3 { // as often as it is filled, it empties again
			var all []*Holding
			for client := range 4 {
				all = append(all, hold(t, b, address(client), 10*mib), hold(t, b, address(client), 6*mib))
				noRoom(t, b, address(client), little+1) // more than its share
			}
			noRoom(t, b, address(5), little+1)
			noRoom(t, b, anybody, little+1)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if err := b.Hold(anybody).Grow(gone, little+1); !errors.Is(err, context.Canceled) {
				t.Errorf("a client that is gone: %v", err)
			}
			time.AfterFunc(time.Second, func() { all[0].Shrink(4 * mib) })
			late := hold(t, b, address(5), 4*mib) // waits for it
			noRoom(t, b, address(5), little+1)
			late.Release()
			for _, h := range all {
				h.Release()
				h.Release() // once only
			}
			if b.held != 0 || len(b.clients) != 0 || len(b.transfers) != 0 {
				t.Errorf("an empty budget holds %d bytes of %d clients, and %d transfers", b.held, len(b.clients), len(b.transfers))
			}
		}
		if err := b.Hold(address(1)).Grow(t.Context(), 17*mib); err == nil {
			t.Error("more than a share was given")
		}
	})
}

// transfer is a transfer that goes on until it is cut off.
type transfer struct {
	*Holding
	done  func()
	ended bool
}

func begin(t *testing.T, b *Budget, client netip.Prefix, bytes int64, moved int) *transfer {
	t.Helper()
	tr := &transfer{Holding: hold(t, b, client, bytes)}
	var done func()
	done = tr.Transfer(func() {
		if !tr.ended {
			tr.ended = true
			go func() { // as a request would that learns of it
				if tr.Moved(0) == nil {
					t.Error("a transfer is interrupted and may go on")
				}
				done()
				tr.Release()
			}()
		}
	})
	tr.done = done
	if err := tr.Moved(moved); err != nil {
		t.Fatal(err)
	}
	return tr
}

// When all is held by transfers, the slowest one gives way, and only that.
func TestBudgetCutsTheSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(64*mib, 5*time.Second)
		fast := begin(t, b, address(1), 16*mib, 10*mib)
		slow := begin(t, b, address(2), 16*mib, 1000)
		faster := begin(t, b, address(3), 16*mib, 11*mib)
		working := hold(t, b, address(4), 16*mib) // waits for nobody
		noRoomYet := time.Now()
		hold(t, b, address(5), 4*mib)
		if waited := time.Since(noRoomYet); waited < leastTransfer || waited > leastTransfer+2*lookAgain {
			t.Errorf("a transfer that had just begun was cut off after %v", waited)
		}
		if !slow.ended || fast.ended || faster.ended {
			t.Errorf("cut off: slow %v, fast %v, faster %v", slow.ended, fast.ended, faster.ended)
		}
		// 12 MiB are left of that, and no more has to go for them.
		hold(t, b, address(6), 12*mib)
		if fast.ended || faster.ended {
			t.Error("more was cut off than needed")
		}
		hold(t, b, address(7), little+1)
		if !fast.ended || faster.ended {
			t.Errorf("then cut off: fast %v, faster %v", fast.ended, faster.ended)
		}
		faster.done()
		faster.Release()
		working.Release()
	})
}

// A client that needs more than its share cuts off its own transfers, not those of
// others, although they are slower.
func TestBudgetCutsOwnTransfers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(64*mib, 5*time.Second)
		other := begin(t, b, address(1), mib, 0)
		first := begin(t, b, address(2), 8*mib, 10)
		second := begin(t, b, address(2), 8*mib, 20)
		time.Sleep(2 * leastTransfer)
		hold(t, b, address(2), mib)
		if other.ended || !first.ended || second.ended {
			t.Errorf("cut off: another's %v, the slower one %v, the faster one %v", other.ended, first.ended, second.ended)
		}
	})
}

// What is over is not interrupted any more.
func TestBudgetLeavesWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(16*mib, time.Second)
		h := hold(t, b, address(1), 16*mib)
		done := h.Transfer(func() { t.Error("interrupted after its end") })
		time.Sleep(2 * leastTransfer)
		done()
		noRoom(t, b, address(2), little+1)
		h.Release()
		hold(t, b, address(2), 1).Release()
	})
}

func TestNoBudget(t *testing.T) {
	h := hold(t, NewBudget(0, time.Second), address(1), 1<<40)
	defer h.Transfer(nil)()
	if err := h.Moved(1); err != nil {
		t.Error(err)
	}
	h.Shrink(1)
	h.Release()
}

// A client that needs much at once gets it beside many that need little, again and
// again, and hold what they get.
func TestBudgetLargeBesideSmall(t *testing.T) {
	const piece = 64 << 10
	b := NewBudget(64<<20, 30*time.Second)
	end := make(chan struct{})
	var small sync.WaitGroup
	defer small.Wait()
	defer close(end)
	full := make(chan struct{}, 200)
	for i := range 200 {
		small.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			go func() { <-end; cancel() }()
			for {
				h := b.Hold(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 64)}), 32))
				cut := make(chan struct{})
				var once sync.Once
				for range 16 {
					if h.Grow(ctx, piece) != nil {
						break
					}
				}
				select {
				case full <- struct{}{}:
				default:
				}
				done := h.Transfer(func() { once.Do(func() { close(cut) }) }) // it sends nothing
				select {
				case <-cut:
				case <-ctx.Done():
				}
				done()
				h.Release()
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	for range 32 {
		<-full
	}
	large := b.Hold(netip.MustParsePrefix("10.9.9.9/32"))
	for range 3 {
		if err := large.Grow(context.Background(), 8<<20); err != nil {
			t.Fatalf("the large one: %v", err)
		}
		large.Release()
	}
}

// All of the budget is held by those who wait for more of it: one who holds nothing
// gets some, and those who hold most are refused.
func TestBudgetHeldByWaiters(t *testing.T) {
	b := NewBudget(64<<20, 30*time.Second)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	refusals := make(chan error, 8)
	holdings := make([]*Holding, 8)
	for i := range holdings {
		holdings[i] = b.Hold(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32))
		if err := holdings[i].Grow(context.Background(), 8<<20); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range holdings {
		waiting.Go(func() {
			err := h.Grow(context.Background(), 1<<20)
			refusals <- err
			h.Release()
		})
	}
	small := b.Hold(netip.MustParsePrefix("10.9.9.9/32"))
	if err := small.Grow(context.Background(), 2*little); err != nil {
		t.Fatalf("the small one: %v", err)
	}
	waiting.Wait()
	refused := 0
	for range holdings {
		if <-refusals != nil {
			refused++
		}
	}
	if refused == 0 || refused == len(holdings) {
		t.Errorf("%d of %d who hold much were refused, want some", refused, len(holdings))
	}
}
