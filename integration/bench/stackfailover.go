package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

const (
	failoverRounds   = 4
	failoverSettle   = 3 * time.Second // of publishing before a kill
	failoverTime     = 8 * time.Second // that is watched after it
	failoverInterval = time.Second / latencyRate
)

// measureFailover kills the leading one of two personalities, which take turns,
// and measures for how long nothing is published, and whether the other one ever
// fails to answer.
func measureFailover(ctx context.Context, s *settings, t *table) (err error) {
	k, err := s.startStack(ctx)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	if err := k.newRegistry(); err != nil {
		return err
	}
	names := []string{"one", "other"}
	var members [2]*server // the first one leads
	for i, name := range names {
		if members[i], err = k.personality(ctx, name); err != nil {
			return err
		}
		defer func() { err = closing(err, members[i].stop) }()
	}
	if err := members[0].provideContent(ctx); err != nil {
		return err
	}
	var gaps, reads []time.Duration
	failed := 0
	for round := range failoverRounds {
		leader, other := round%2, 1-round%2
		w, err := watchFailover(ctx, members[leader], members[other], round)
		if err != nil {
			return err
		}
		gaps, reads, failed = append(gaps, w.gap), append(reads, w.slowest), failed+w.failed
		if members[leader], err = k.personality(ctx, names[leader]); err != nil {
			return err
		}
	}
	t.add("failover: the leading personality killed, longest time without publishing", "at most 5 s",
		"%.1f s (rounds %.1f s)", slices.Max(gaps).Seconds(), seconds(gaps))
	t.add("failover: reads of the other personality that failed", "none", "%d (slowest read %s)", failed, milliseconds(slices.Max(reads)))
	return nil
}

func seconds(all []time.Duration) (s []float64) {
	for _, d := range all {
		s = append(s, d.Seconds())
	}
	return s
}

// failover is what was seen of a leader's death from the other personality.
type failover struct {
	gap     time.Duration // longest between two checkpoints that cover more
	slowest time.Duration // read
	failed  int           // reads
}

// watchFailover posts to other, reads from it, and kills the leader meanwhile.
func watchFailover(ctx context.Context, leader, other *server, round int) (w failover, err error) {
	const posts = int((failoverSettle + failoverTime) / failoverInterval)
	records, err := newPackages(fmt.Sprintf("round%d-p", round), posts, 1)
	if err != nil {
		return w, err
	}
	var over atomic.Bool
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer over.Store(true)
		for i := range records {
			if err := other.post(groupCtx, &records[i]); err != nil {
				return err
			}
			time.Sleep(failoverInterval)
		}
		return nil
	})
	group.Go(func() error {
		time.Sleep(failoverSettle)
		return leader.kill()
	})
	w.read(groupCtx, other, &over)
	if err := group.Wait(); err != nil {
		return w, err
	}
	for i := range records {
		if err := other.waitPublished(ctx, &records[i]); err != nil {
			return w, err
		}
	}
	return w, nil
}

// read fetches checkpoints, and the state of a package's log, until the posts are
// over.
func (w *failover) read(ctx context.Context, from *server, over *atomic.Bool) {
	length, since := uint64(0), time.Now()
	for !over.Load() && ctx.Err() == nil {
		start := time.Now()
		checkpoint, err := from.checkpoint(ctx)
		if err == nil {
			_, err = from.do(ctx, "GET", api.LedgerRecordsPath(0), nil, http.StatusOK)
		}
		w.slowest = max(w.slowest, time.Since(start))
		if err != nil {
			w.failed++
		} else if now := checkpoint.Contents.LogLength; now != length {
			length, since = now, time.Now()
		}
		w.gap = max(w.gap, time.Since(since))
		time.Sleep(5 * time.Millisecond)
	}
}
