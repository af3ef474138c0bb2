package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// measureStack measures, in turn on one MariaDB, how many leaves a second
// Trillian sequences by itself, and how many records a second a personality
// publishes through it. Each run is compared with what Trillian did just before
// and just after it, since the machine may change its speed in between.
func measureStack(ctx context.Context, s *settings, t *table) error {
	return measureShare(ctx, s, t, "")
}

// measureStackQuota is measureStack with the quotas that Trillian's servers keep
// unless they are told otherwise: they count the queue in the database at each
// leaf.
func measureStackQuota(ctx context.Context, s *settings, t *table) error {
	return measureShare(ctx, s, t, ", Trillian's default quotas", "--quota_system=mysql")
}

func measureShare(ctx context.Context, s *settings, t *table, how string, trillianFlags ...string) (err error) {
	k, err := s.startStack(ctx, trillianFlags...)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	sample, err := newPackages("sample", 1, 1)
	if err != nil {
		return err
	}
	size := sample[0].leafSize
	var alone, rates, accepts, shares []float64
	var times []string
	for run := range s.runs + 1 {
		rate, took, err := k.sequenced(ctx, fmt.Sprintf("alone %d", run), s.packages, size, s.publishers)
		if err != nil {
			return err
		}
		alone, times = append(alone, rate), append(times, "alone: "+took)
		if run > 0 {
			shares = append(shares, 100*rates[run-1]/((alone[run-1]+alone[run])/2))
		}
		if run == s.runs {
			break
		}
		r, took, err := k.publishRun(ctx, run)
		if err != nil {
			return err
		}
		rates, accepts, times = append(rates, r.published), append(accepts, r.accepted), append(times, took)
	}
	t.add(fmt.Sprintf("Trillian alone%s, leaves of %d bytes, %d at a time", how, size, s.publishers), "",
		"%.0f/s (runs %.0f)", median(alone), alone)
	t.add(fmt.Sprintf("stack%s: %d packages, one init and release record each, %d publishers", how, s.packages, s.publishers), "",
		"%.0f/s (accepted at %.0f/s; runs %.0f)", median(rates), median(accepts), rates)
	t.add("the same as a share of what Trillian alone sequences before and after", "70%",
		"%.0f%% (runs %.0f)", median(shares), shares)
	t.note("Processor time in ms a leaf or published record%s, by run: %s.", how, strings.Join(times, "; "))
	return nil
}

// publishRun publishes through one personality, with a database and a log of its
// own, and returns what processor time went where.
func (k *stack) publishRun(ctx context.Context, run int) (r publishResult, share string, err error) {
	if err := k.newRegistry(); err != nil {
		return r, "", err
	}
	defer func() { err = closing(err, func() error { return k.deleteTrees(ctx) }) }()
	srv, err := k.personality(ctx, fmt.Sprintf("publish-%d", run))
	if err != nil {
		return r, "", err
	}
	defer func() { err = closing(err, srv.stop) }()
	records, err := srv.prepareLoad(ctx, k.settings.packages, k.settings.publishers)
	if err != nil {
		return r, "", err
	}
	var accepted, published time.Duration
	share, err = processorTime(len(records), func() (err error) {
		accepted, published, err = srv.load(ctx, records, k.settings.publishers)
		return err
	})
	if err != nil {
		return r, "", err
	}
	n := float64(len(records))
	return publishResult{accepted: n / accepted.Seconds(), published: n / published.Seconds()}, share, srv.verify(ctx, records)
}

// What the latency is measured with.
const (
	latencyRate = 50 // records a second
	latencyTime = 20 * time.Second
)

// measureStackLatency posts records at a steady rate, each by itself, and
// measures how long each takes to be published.
func measureStackLatency(ctx context.Context, s *settings, t *table) (err error) {
	k, err := s.startStack(ctx)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	if err := k.newRegistry(); err != nil {
		return err
	}
	srv, err := k.personality(ctx, "latency")
	if err != nil {
		return err
	}
	defer func() { err = closing(err, srv.stop) }()
	records, err := srv.prepareLoad(ctx, int(latencyRate*latencyTime.Seconds()), s.publishers)
	if err != nil {
		return err
	}
	accepts, publishes := make([]time.Duration, len(records)), make([]time.Duration, len(records))
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range records {
		group.Go(func() (err error) {
			accepts[i], publishes[i], err = srv.postAndWait(groupCtx, &records[i])
			return err
		})
		time.Sleep(rand.N(2 * time.Second / latencyRate))
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.add(fmt.Sprintf("stack: post to published at %d records/s, signer interval 100 ms, p50", latencyRate), "at most 250 ms",
		"%s (p99 %s; accepted after %s)", milliseconds(median(publishes)), milliseconds(percentile(publishes, 0.99)), milliseconds(median(accepts)))
	return nil
}

// closing closes something, whose error matters only if there was no other.
func closing(err error, close func() error) error {
	if closeErr := close(); err == nil {
		err = closeErr
	}
	return err
}

// measureStackRead measures reads of a personality on MariaDB and Trillian's own
// servers.
func measureStackRead(ctx context.Context, s *settings, t *table) (err error) {
	k, err := s.startStack(ctx)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	if err := k.newRegistry(); err != nil {
		return err
	}
	srv, err := k.personality(ctx, "read")
	if err != nil {
		return err
	}
	defer srv.stop()
	r, err := s.newReads(ctx, srv.client, s.packages)
	if err != nil {
		return err
	}
	return s.measureMix(ctx, srv.client, r, t)
}
