package limits

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// maxBuckets is how many clients a [Rate] remembers, about 10 MiB of them. The
// one that was quiet for longest is forgotten first, which only gives it a full
// bucket again.
const maxBuckets = 1 << 16

// burst is how much of its rate, in seconds, a client can have saved up.
const burst = 10

// Rate limits how often something happens for each of many clients, by token
// buckets: on average so many a second, and ten seconds' worth at once. Safe
// for concurrent use. A nil Rate limits nothing.
type Rate[K comparable] struct {
	what      string // what there are too many of
	perSecond rate.Limit
	burst     int
	now       func() time.Time

	mu      sync.Mutex
	buckets *lru.LRU[K, *rate.Limiter] // guarded by mu
}

// NewRate returns a rate limit, or nil if perSecond is not above zero. what says
// in a refusal what there are too many of.
func NewRate[K comparable](what string, perSecond float64) *Rate[K] {
	if perSecond <= 0 {
		return nil
	}
	buckets, err := lru.NewLRU[K, *rate.Limiter](maxBuckets, nil)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Rate[K]{what: what, perSecond: rate.Limit(perSecond), burst: max(1, int(perSecond*burst)), now: time.Now, buckets: buckets}
}

// Allow counts one for the client, or returns a [*Refusal] without counting.
func (r *Rate[K]) Allow(client K) error {
	if r == nil {
		return nil
	}
	if err := r.Check(client); err != nil {
		return err
	}
	r.Charge(client)
	return nil
}

// Check returns a [*Refusal] if the client has none left. It counts nothing:
// what costs depends on the outcome, and [Rate.Charge] counts it afterwards.
func (r *Rate[K]) Check(client K) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	bucket, known := r.buckets.Get(client)
	r.mu.Unlock()
	if !known {
		return nil // those who were never charged take no room
	}
	missing := 1 - bucket.TokensAt(r.now())
	if missing <= 0 {
		return nil
	}
	return tooMany(r.what, time.Duration(missing/float64(r.perSecond)*float64(time.Second)))
}

// Charge counts one for the client. What was under way at the same time may
// bring it into debt, which it pays by waiting longer.
func (r *Rate[K]) Charge(client K) {
	if r == nil {
		return
	}
	r.mu.Lock()
	bucket, known := r.buckets.Get(client)
	if !known {
		bucket = rate.NewLimiter(r.perSecond, r.burst)
		r.buckets.Add(client, bucket)
	}
	r.mu.Unlock()
	bucket.ReserveN(r.now(), 1)
}
