package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// How many leaves are queued at a time when Trillian is measured alone: as many
// as there are publishers, and enough that more would not help.
var aloneConcurrency = []int{64, 256}

// measureStack measures, in turn on one MariaDB, how many leaves a second
// Trillian sequences by itself, and how many records a second a personality
// publishes through it.
func measureStack(ctx context.Context, s *settings, t *table) (err error) {
	k, err := s.startStack(ctx)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	sample, err := newPackages("sample", 1, 1)
	if err != nil {
		return err
	}
	alone := make([][]float64, len(aloneConcurrency))
	var rates, accepts []float64
	var shares []string
	for run := range s.runs {
		for i, concurrency := range aloneConcurrency {
			rate, err := k.sequenced(ctx, fmt.Sprintf("alone %d %d", run, i), s.packages, sample[0].leafSize, concurrency)
			if err != nil {
				return err
			}
			alone[i] = append(alone[i], rate)
		}
		r, share, err := k.publishRun(ctx, run)
		if err != nil {
			return err
		}
		rates, accepts, shares = append(rates, r.published), append(accepts, r.accepted), append(shares, share)
	}
	best := 0.0
	for i, concurrency := range aloneConcurrency {
		best = max(best, median(alone[i]))
		t.add(fmt.Sprintf("Trillian alone, leaves of %d bytes, %d at a time", sample[0].leafSize, concurrency), "",
			"%.0f/s (runs %.0f)", median(alone[i]), alone[i])
	}
	t.add(fmt.Sprintf("stack: %d packages, one init and release record each, %d publishers", s.packages, s.publishers),
		"70% of what Trillian alone sequences", "%.0f/s, %.0f%% (accepted at %.0f/s; runs %.0f)",
		median(rates), 100*median(rates)/best, median(accepts), rates)
	t.note("Processor time a published record, in ms, by run: %s.", strings.Join(shares, "; "))
	return nil
}

// publishRun publishes through one personality, with a database and a log of its
// own, and returns what processor time went where.
func (k *stack) publishRun(ctx context.Context, run int) (r publishResult, share string, err error) {
	if err := k.newRegistry(); err != nil {
		return r, "", err
	}
	srv, err := k.personality(ctx, fmt.Sprintf("publish-%d", run))
	if err != nil {
		return r, "", err
	}
	defer func() { err = closing(err, srv.stop) }()
	records, err := srv.prepareLoad(ctx, k.settings.packages, k.settings.publishers)
	if err != nil {
		return r, "", err
	}
	before, err := readChildren()
	if err != nil {
		return r, "", err
	}
	accepted, published, err := srv.load(ctx, records, k.settings.publishers)
	if err != nil {
		return r, "", err
	}
	after, err := readChildren()
	if err != nil {
		return r, "", err
	}
	n := float64(len(records))
	return publishResult{accepted: n / accepted.Seconds(), published: n / published.Seconds()},
		after.since(before, len(records)), srv.verify(ctx, records)
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
