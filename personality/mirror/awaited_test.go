package mirror

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// Witnesses may be behind for a while, from the last progress on; then the upstream is caught.
func TestAwaited(t *testing.T) {
	now := time.Unix(1000, 0)
	m := &Mirror{options: Options{Now: func() time.Time { return now }}}
	behind := fmt.Errorf("%w: 3 of 5", errUncosigned)
	for i, step := range []struct {
		after    time.Duration
		err      error
		progress bool
		caught   bool
	}{
		{0, behind, false, false},
		{maxUncosigned - 1, behind, false, false},
		{1, behind, true, false},
		{maxUncosigned, behind, false, true},
		{1, behind, false, true},
		{1, nil, false, false},
		{maxUncosigned, behind, false, false},
	} {
		now = now.Add(step.after)
		got := m.awaited(step.err, step.progress)
		if _, caught := caughtAt(got); caught != step.caught {
			t.Errorf("step %d: %v", i, got)
		}
		if want := step.err != nil && !step.caught; errors.Is(got, errBehind) != want {
			t.Errorf("step %d: %v; want %v to be waited for", i, got, want)
		}
	}
}
