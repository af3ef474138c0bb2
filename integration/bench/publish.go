package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// measurePublish measures how many records a second are accepted and published:
// from the first post until a signed checkpoint covers the last record.
func measurePublish(ctx context.Context, s *settings, t *table) error {
	var rates, accepts, costs []float64
	for range s.runs {
		r, err := s.publishRun(ctx)
		if err != nil {
			return err
		}
		accepts, rates, costs = append(accepts, r.accepted), append(rates, r.published), append(costs, r.cpu)
	}
	t.add(fmt.Sprintf("%d packages, one init and release record each, %d publishers", s.packages, s.publishers),
		"2,000 records/s accepted and published", "%.0f/s (accepted at %.0f/s; runs %.0f; %.2f ms of the server's processor time a record)",
		median(rates), median(accepts), rates, median(costs))
	return nil
}

// publishResult is records a second, and milliseconds of the server's processor
// time a record.
type publishResult struct{ accepted, published, cpu float64 }

func (s *settings) publishRun(ctx context.Context, flags ...string) (r publishResult, err error) {
	srv, _, err := s.newServer(ctx, "publish", flags...)
	if err != nil {
		return r, err
	}
	defer srv.stop()
	records, err := srv.prepareLoad(ctx, s.packages, s.publishers)
	if err != nil {
		return r, err
	}
	before, err := srv.cpuTime()
	if err != nil {
		return r, err
	}
	accepted, published, err := srv.load(ctx, records, s.publishers)
	if err != nil {
		return r, err
	}
	after, err := srv.cpuTime()
	if err != nil {
		return r, err
	}
	n := float64(len(records))
	r = publishResult{n / accepted.Seconds(), n / published.Seconds(), (after - before).Seconds() * 1000 / n}
	if s.published != nil {
		if err := s.published(srv); err != nil {
			return r, err
		}
	}
	return r, srv.verify(ctx, records)
}

// prepareLoad brings the content and signs the records.
func (c *client) prepareLoad(ctx context.Context, packages, publishers int) ([]record, error) {
	if err := c.provideContent(ctx); err != nil {
		return nil, err
	}
	return newPackages("p", packages, publishers)
}

// load posts records and waits until all are published. It returns how long it
// took until the last one was accepted, and published.
func (c *client) load(ctx context.Context, records []record, publishers int) (accepted, published time.Duration, err error) {
	before, err := c.checkpoint(ctx)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := c.postAll(ctx, records, publishers); err != nil {
		return 0, 0, err
	}
	accepted = time.Since(start)
	err = c.waitForLength(ctx, before.Contents.LogLength+uint64(len(records)))
	return accepted, time.Since(start), err
}

// measureLone measures how long one publisher waits for each of its records,
// posted at any time to a registry that is otherwise idle.
func measureLone(ctx context.Context, s *settings, t *table) error {
	srv, _, err := s.newServer(ctx, "lone")
	if err != nil {
		return err
	}
	defer srv.stop()
	records, err := srv.prepareLoad(ctx, s.lonePosts, 1)
	if err != nil {
		return err
	}
	var accepts, publishes []time.Duration
	for i := range records {
		time.Sleep(150*time.Millisecond + rand.N(100*time.Millisecond))
		accept, publish, err := srv.postAndWait(ctx, &records[i])
		if err != nil {
			return err
		}
		accepts, publishes = append(accepts, accept), append(publishes, publish)
	}
	t.add("lone publisher, post to published, p50", "at most 60 ms", "%s (accepted after %s)",
		milliseconds(median(publishes)), milliseconds(median(accepts)))
	t.add("lone publisher, post to published, p99", "at most 150 ms", "%s (accepted after %s)",
		milliseconds(percentile(publishes, 0.99)), milliseconds(percentile(accepts, 0.99)))
	return nil
}

// postAndWait returns how long it took until a record was accepted, and
// published.
func (c *client) postAndWait(ctx context.Context, r *record) (accepted, published time.Duration, err error) {
	start := time.Now()
	if err := c.post(ctx, r); err != nil {
		return 0, 0, err
	}
	accepted = time.Since(start)
	err = c.waitPublished(ctx, r)
	return accepted, time.Since(start), err
}
