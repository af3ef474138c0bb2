package discovery

import (
	"context"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
)

// The index gives way to publishing: the faster the log grows, the smaller a part of the
// time of a processor it takes, for records and contents alike. Behind a rush it catches up.
const (
	leastShare = 0.01
	fullRate   = 300 // records a second with which it takes the least
	longest    = 5 * time.Second
	rateWindow = time.Second // over which the growth is taken, at least
)

// pace knows how fast the log grows. Safe for concurrent use.
type pace struct {
	mu     sync.Mutex
	length uint64    // guarded by mu; of the log when the window began
	since  time.Time // guarded by mu; zero: nothing was seen yet
	rate   float64   // guarded by mu; records a second in the last window
}

// saw is told the length of the log.
func (p *pace) saw(length uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := now.Sub(p.since)
	if p.since.IsZero() || took < 0 {
		p.length, p.since = length, now
		return
	}
	if grown := float64(length - min(length, p.length)); took >= rateWindow {
		p.rate, p.length, p.since = grown/took.Seconds(), length, now
	} else { // a rush is seen before the window ends
		p.rate = max(p.rate, grown/rateWindow.Seconds())
	}
}

// share is the part of the time that the index may take now.
func (p *pace) share() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(leastShare, 1-p.rate/fullRate)
}

// pause is how long to wait behind work that took so long.
func (p *pace) pause(took time.Duration) time.Duration {
	share := p.share()
	return min(longest, time.Duration(float64(took)*(1-share)/share))
}

// giveWay waits behind work that took so long.
func (x *Index) giveWay(ctx context.Context, took time.Duration) {
	if pause := x.pace.pause(took); pause > 0 {
		wake.Sleep(ctx, pause, nil)
	}
}
