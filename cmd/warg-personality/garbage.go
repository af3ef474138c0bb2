package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// By default the heap grows to twice what is in use before garbage is collected: with
// a full cache that would be there nearly twice. So it grows by about so many bytes
// where more is in use, but by half of that at least.
const (
	garbageBytes      = 48 << 20
	minGarbagePercent = 50
	maxGarbagePercent = 100
	garbageEach       = 500 * time.Millisecond
)

// paceGarbage sets how much garbage there may be by what is in use, until ctx ends.
// GOGC in the environment wins.
func paceGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(garbageEach)
	defer tick.Stop()
	for set := 0; ctx.Err() == nil; {
		metrics.Read(live)
		if percent := garbagePercent(live[0].Value.Uint64()); percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// garbagePercent is in steps, so that it seldom changes: to set it stops the world.
func garbagePercent(live uint64) int {
	const step = 10
	percent := int(100 * garbageBytes / max(live, 1<<20) / step * step)
	return min(max(percent, minGarbagePercent), maxGarbagePercent)
}
