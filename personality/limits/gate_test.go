package limits

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// anybody is a client that is not counted.
var anybody netip.Prefix

// address returns one of many clients.
func address(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 32)
}

// enter takes a turn that must be free.
func enter(t *testing.T, g *Gate, client netip.Prefix) (leave func()) {
	t.Helper()
	leave, err := g.Enter(t.Context(), client)
	if err != nil {
		t.Fatalf("client %v: %v", client, err)
	}
	return leave
}

// full checks that a client is refused.
func full(t *testing.T, g *Gate, client netip.Prefix) {
	t.Helper()
	_, err := g.Enter(t.Context(), client)
	if r := refusal(t, err); r.Status != 503 || r.RetryAfter == 0 {
		t.Errorf("refusal is %+v", r)
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("uploads", 2, time.Second)
		for range 3 { // as often as it is filled, it empties again
			first, second := enter(t, g, anybody), enter(t, g, anybody)
			start := time.Now()
			full(t, g, anybody)
			if waited := time.Since(start); waited != time.Second {
				t.Errorf("waited %v", waited)
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := g.Enter(gone, anybody); !errors.Is(err, context.Canceled) {
				t.Errorf("a client that is gone: %v", err)
			}
			time.AfterFunc(time.Second/2, first)
			third := enter(t, g, anybody)
			first() // once only
			full(t, g, anybody)
			second()
			third()
			if len(g.clients) != 0 || len(g.order) != 0 || g.inside != 0 || g.waiting != 0 {
				t.Errorf("an empty gate keeps %+v", g)
			}
		}
	})
}

// One client has a quarter of the places, and the others are free for the rest.
func TestGateShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("uploads", 8, time.Second)
		for range 3 {
			var leave []func()
			for client := range 4 {
				leave = append(leave, enter(t, g, address(client)))
				leave = append(leave, enter(t, g, address(client)))
				full(t, g, address(client))
			}
			full(t, g, address(4))
			for _, l := range leave {
				l()
			}
		}
	})
}

// However many requests of one client wait, another one is the next but one.
func TestGateTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("uploads", 1, time.Hour)
		leave := enter(t, g, anybody)
		var order []string
		wait := func(client int) {
			go func() {
				leave := enter(t, g, address(client))
				order = append(order, fmt.Sprint(client))
				leave()
			}()
			synctest.Wait()
		}
		for range 3 {
			wait(1)
		}
		wait(2)
		wait(3)
		wait(2)
		leave()
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[1 2 3 1 2 1]" {
			t.Errorf("turns were %s", got)
		}
	})
}

// Those who give up do not take turns, nor the turns of others.
func TestGateGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("uploads", 1, time.Second)
		leave := enter(t, g, address(1))
		for client := range 5 {
			go full(t, g, address(client))
		}
		time.Sleep(time.Second / 2)
		served := false
		go func() {
			enter(t, g, address(6))()
			served = true
		}()
		time.Sleep(3 * time.Second / 4)
		leave()
		synctest.Wait()
		if !served {
			t.Error("the one that still waits was not served")
		}
		enter(t, g, address(7))()
	})
}

// Beyond those who may wait, the answer comes at once: for one client beyond a
// quarter of them.
func TestGateQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("uploads", 4, time.Hour)
		var leave []func()
		for client := range 4 {
			leave = append(leave, enter(t, g, address(client)))
		}
		var served atomic.Int64
		wait := func(client int) {
			for range waitersPerPlace {
				go func() {
					enter(t, g, address(client))()
					served.Add(1)
				}()
			}
			synctest.Wait()
			full(t, g, address(client))
		}
		for client := range 4 {
			wait(client)
		}
		full(t, g, address(5))
		full(t, g, anybody)
		for _, l := range leave {
			l()
		}
		synctest.Wait()
		if got, want := served.Load(), int64(4*waitersPerPlace); got != want {
			t.Errorf("%d were served, want %d", got, want)
		}
		enter(t, g, address(5))()
	})
}

func TestNoGate(t *testing.T) {
	enter(t, NewGate("uploads", 0, time.Second), anybody)()
}

// A client whose requests take long does not hold up another one's that are short:
// of two that ask all the time each has about the same time, not as many turns.
func TestGateSharesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("requests", 1, time.Hour)
		end := time.Now().Add(20 * time.Second)
		var turns [2]atomic.Int64
		var asking sync.WaitGroup
		for i, took := range []time.Duration{100 * time.Millisecond, time.Millisecond} {
			client := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32)
			for range 2 { // one waits while the other has its turn
				asking.Go(func() {
					for time.Now().Before(end) {
						leave, err := g.Enter(t.Context(), client)
						if err != nil {
							t.Error(err)
							return
						}
						turns[i].Add(1)
						time.Sleep(took)
						leave()
					}
				})
			}
		}
		asking.Wait()
		if long, short := turns[0].Load(), turns[1].Load(); short < 20*long {
			t.Errorf("%d long turns and %d short ones, want many times as many", long, short)
		}
	})
}
