package main

import (
	"context"
	"time"
)

// maxPause is the longest pause after a failure, unless the interval is longer.
const maxPause = 5 * time.Minute

// pace is how often a registry is asked.
type pace struct {
	interval time.Duration
	failures int // in a row
}

// next is the pause behind a round.
func (p *pace) next(failed bool) time.Duration {
	if !failed {
		p.failures = 0
		return p.interval
	}
	pause := max(p.interval, time.Second)
	for range p.failures {
		if pause *= 2; pause > maxPause {
			pause = maxPause
			break
		}
	}
	p.failures++
	return max(pause, p.interval)
}

// rest waits until the next round, or until ctx ends.
func (p *pace) rest(ctx context.Context, failed bool) {
	timer := time.NewTimer(p.next(failed))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
