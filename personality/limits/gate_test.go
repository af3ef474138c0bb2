package limits

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	ctx := context.Background()
	g := NewGate("uploads", 1, 20*time.Millisecond)
	leave, err := g.Enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = g.Enter(ctx)
	if r := refusal(t, err); r.Status != 503 || r.RetryAfter == 0 || time.Since(start) < 20*time.Millisecond {
		t.Errorf("refusal %+v after %v", r, time.Since(start))
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := g.Enter(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that is gone: %v", err)
	}
	time.AfterFunc(5*time.Millisecond, leave)
	if _, err := g.Enter(ctx); err != nil {
		t.Errorf("the next one in turn: %v", err)
	}
}

// Beyond those who may wait, the answer comes at once.
func TestGateQueue(t *testing.T) {
	g := NewGate("uploads", 1, time.Hour)
	leave, _ := g.Enter(context.Background())
	served := make(chan error)
	for range waitersPerSlot {
		go func() {
			leave, err := g.Enter(context.Background())
			if err == nil {
				leave()
			}
			served <- err
		}()
	}
	for g.waiting.Load() < waitersPerSlot {
		time.Sleep(time.Millisecond)
	}
	_, err := g.Enter(context.Background())
	refusal(t, err)
	leave()
	for range waitersPerSlot {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestNoGate(t *testing.T) {
	leave, err := NewGate("uploads", 0, time.Second).Enter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
