package discovery

import (
	"testing"
	"time"
)

// The faster the log grows, the longer the index waits behind its work, and when the rush is
// over it waits no more.
func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	var p pace
	length := uint64(0)
	grow := func(rate uint64) {
		for range 4 {
			p.saw(length, now)
			length += rate / 2
			now = now.Add(500 * time.Millisecond)
		}
		p.saw(length, now)
	}
	for _, c := range []struct {
		rate        uint64
		least, most time.Duration // of a pause behind 10 ms
	}{{0, 0, 0}, {30, time.Millisecond, 2 * time.Millisecond}, {150, 9 * time.Millisecond, 11 * time.Millisecond}, {3000, 900 * time.Millisecond, time.Second}, {0, 0, 0}} {
		grow(c.rate)
		grow(c.rate)
		if got := p.pause(10 * time.Millisecond); got < c.least || got > c.most {
			t.Errorf("at %d records a second the pause is %s", c.rate, got)
		}
	}
	grow(3000)
	if got := p.pause(time.Minute); got != longest {
		t.Errorf("the longest pause is %s", got)
	}
}
