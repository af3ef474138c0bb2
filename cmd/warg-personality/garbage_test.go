package main

import "testing"

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 5 << 20: 100, 48 << 20: 100, 60 << 20: 80, 80 << 20: 60, 300 << 20: 50} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB in use: %d%%, want %d%%", live>>20, got, want)
		}
	}
}
