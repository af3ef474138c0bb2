package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// memoryGuard ends a server that takes more, so that an attack on it does not
	// become one on the machine. In KiB.
	memoryGuard   = 4 << 20
	guardInterval = 50 * time.Millisecond
)

// endured is how a server and its honest clients fared under an attack.
type endured struct {
	published, read *served
	peak            int     // resident memory in KiB
	killed          bool    // since that was too much
	processor       float64 // time that the server took, in seconds a second
}

// endure has honest clients use a server under an attack.
func (s *server) endure(ctx context.Context, h *honest, attack func() (stop func())) (e endured, err error) {
	before, err := s.cpuTime()
	if err != nil {
		return e, err
	}
	guardCtx, stopGuard := context.WithCancel(ctx)
	defer stopGuard()
	var guard errgroup.Group
	guard.Go(func() (err error) {
		e.peak, e.killed, err = s.guardMemory(guardCtx)
		return err
	})
	began := time.Now()
	stop := attack()
	e.published, e.read = h.use(ctx)
	took := time.Since(began)
	stop()
	stopGuard()
	if err := guard.Wait(); err != nil || e.killed {
		return e, err
	}
	after, err := s.cpuTime()
	e.processor = (after - before).Seconds() / took.Seconds()
	return e, err
}

// guardMemory watches the memory of a server, kills it if that is too much, and
// returns the most that it had, in KiB.
func (s *server) guardMemory(ctx context.Context) (peak int, killed bool, err error) {
	for ctx.Err() == nil {
		now, most, err := s.resident()
		if err != nil {
			return peak, false, fmt.Errorf("the server has ended by itself: %w", err)
		}
		peak = most
		if now > memoryGuard {
			return peak, true, s.kill()
		}
		sleep(ctx, guardInterval)
	}
	return peak, false, nil
}

func (e endured) report(t *table, title string) {
	e.published.report(t, fmt.Sprintf("%s: publisher, %d records/s, post to published", title, honestRecords))
	e.read.report(t, fmt.Sprintf("%s: reader, %d requests/s", title, honestReads))
	ended := ""
	if e.killed {
		ended = ", where it was killed"
	}
	t.add(title+": peak resident memory", "at most 400 MiB", "%d MiB%s", e.peak>>10, ended)
}
