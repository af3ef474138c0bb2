package publisher

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
)

// A step that fails for long is tried once each retryAfter, however often it is nudged, and
// logged once a minute; one that succeeds is woken by a nudge.
func TestFailuresAreNotHastened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &Publisher{options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		nudged := make(chan struct{}, 1)
		failing, tries := true, 0
		ctx, cancel := context.WithCancel(t.Context())
		go p.repeat(ctx, "integrating", nudged, func(context.Context) (time.Duration, error) {
			tries++
			if failing && tries < 100 {
				wake.Nudge(nudged) // as the sequencing goroutine does when this one begins anew
				return 0, errors.New("no key")
			}
			return time.Hour, nil
		})
		time.Sleep(10*retryAfter + time.Millisecond)
		synctest.Wait()
		if lines := bytes.Count(log.Bytes(), []byte("integrating failed; trying again")); tries != 11 || lines != 1 {
			t.Errorf("in ten times the pause: %d tries, %d lines", tries, lines)
		}
		failing = false
		time.Sleep(2 * retryAfter)
		synctest.Wait()
		tries = 0
		wake.Nudge(nudged)
		synctest.Wait()
		if tries != 1 {
			t.Errorf("a nudge caused %d steps", tries)
		}
		cancel()
		synctest.Wait()
	})
}
