package limits

import (
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"
)

func refusal(t *testing.T, err error) *Refusal {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("error is %v, want a refusal", err)
	}
	return r
}

func TestRate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := NewRate[string]("requests", 2)
	r.now = func() time.Time { return now }
	for i := range 2 * burst {
		if err := r.Allow("a"); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	refused := refusal(t, r.Allow("a"))
	header := http.Header{}
	refused.SetHeader(header)
	if refused.Status != 429 || header.Get("Retry-After") != "1" || refused.RetryAfter != 500*time.Millisecond {
		t.Errorf("refusal is %+v, Retry-After %q", refused, header.Get("Retry-After"))
	}
	if err := r.Allow("b"); err != nil {
		t.Errorf("another client: %v", err)
	}
	now = now.Add(refused.RetryAfter)
	if err := r.Allow("a"); err != nil {
		t.Errorf("after the time to wait: %v", err)
	}
	refusal(t, r.Allow("a"))
}

// What is charged afterwards may bring a client into debt.
func TestCharge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := NewRate[string]("records", 1)
	r.now = func() time.Time { return now }
	for range burst + 3 {
		r.Charge("a")
	}
	if wait := refusal(t, r.Check("a")).RetryAfter; wait != 4*time.Second {
		t.Errorf("a debt of 3 waits %v", wait)
	}
	if err := r.Check("b"); err != nil || r.buckets.Len() != 1 {
		t.Errorf("checking keeps %d clients (%v)", r.buckets.Len(), err)
	}
}

func TestNoRate(t *testing.T) {
	r := NewRate[string]("requests", 0)
	r.Charge("a")
	if err := errors.Join(r.Check("a"), r.Allow("a")); err != nil {
		t.Error(err)
	}
}

// A million clients take no more memory than those that are remembered.
func TestRateMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	r := NewRate[int]("requests", 1)
	for i := range 1_000_000 {
		r.Charge(i)
	}
	if grown := (heap() - before) >> 20; r.buckets.Len() != maxBuckets || grown > 24 {
		t.Errorf("%d clients are kept in %d MiB", r.buckets.Len(), grown)
	}
	runtime.KeepAlive(r)
}
