package trilliansvc

import (
	"sync/atomic"
	"time"

	"github.com/google/trillian/util/clock"
)

// anyAge is the signer's guard window. Trillian leaves alone whatever is
// younger than the window, to let stragglers of several log servers in; here is
// one log server. Below zero, also a leaf whose time lies ahead, because it was
// queued before the machine's clock was set back, is integrated at once.
const anyAge = -100 * 365 * 24 * time.Hour

// forwardClock is the system's clock, except that it never goes back: the
// signer refuses to sign a root that is not younger than the one before, and
// would stand still until the clock has caught up.
type forwardClock struct {
	last atomic.Int64 // nanoseconds since 1970 of the latest time given out or seen
}

// Now implements [clock.TimeSource].
func (c *forwardClock) Now() time.Time {
	for {
		last := c.last.Load()
		now := max(time.Now().UnixNano(), last+1)
		if c.last.CompareAndSwap(last, now) {
			return time.Unix(0, now)
		}
	}
}

// NewTimer implements [clock.TimeSource].
func (c *forwardClock) NewTimer(d time.Duration) clock.Timer { return clock.System.NewTimer(d) }

// saw makes later times lie after t.
func (c *forwardClock) saw(t time.Time) {
	for nanos := t.UnixNano(); ; {
		last := c.last.Load()
		if last >= nanos || c.last.CompareAndSwap(last, nanos) {
			return
		}
	}
}
