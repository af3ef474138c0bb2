package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

const (
	hostileTime = 20 * time.Second
	// hostilePoll is how often a publisher asks what became of its record: often
	// against the target of 2 s, and little work beside the garbage.
	hostilePoll = 20 * time.Millisecond
)

// measureHostile publishes records at a steady rate through a personality that
// is attacked all the while, with its limits as they are by default. The attack
// comes from loopback, whose requests and connections no limit per address
// counts: it is what gets through when the attackers have many addresses.
func measureHostile(ctx context.Context, s *settings, t *table) (err error) {
	k, err := s.startStack(ctx)
	defer func() { err = closing(err, k.close) }()
	if err != nil {
		return err
	}
	if err := k.newRegistry(); err != nil {
		return err
	}
	srv, err := k.personality(ctx, "hostile")
	if err != nil {
		return err
	}
	defer func() { err = closing(err, srv.stop) }()
	records, err := srv.prepareLoad(ctx, int(latencyRate*hostileTime.Seconds()), s.publishers)
	if err != nil {
		return err
	}
	a, err := startAttack(ctx, srv.client)
	if err != nil {
		return err
	}
	defer a.cancel()
	before, err := readChildren()
	if err != nil {
		return err
	}
	good := srv.publishAmong(ctx, records)
	after, err := readChildren()
	if err != nil {
		return err
	}
	if err := a.end(); err != nil {
		return err
	}
	_, peak, err := srv.resident()
	if err != nil {
		return err
	}
	good.report(t, len(records))
	t.add("hostile: peak resident memory of the personality", "under 512 MiB", "%d MiB", peak>>10)
	a.report(t)
	t.note("Processor time in ms a second under attack: %s.", after.since(before, int(good.took.Seconds())))
	return ctx.Err()
}

// published is what became of the good records.
type published struct {
	accepts, publishes []time.Duration // of those published
	failure            error           // of one of the others
	took               time.Duration   // altogether
}

// publishAmong posts records at a steady rate, each by itself, and waits until
// each is published or failed. Times count from when a post was due.
func (c *client) publishAmong(ctx context.Context, records []record) (p published) {
	var mu sync.Mutex // guards p
	var group sync.WaitGroup
	start := time.Now()
	for i := range records {
		due := start.Add(time.Duration(i) * time.Second / latencyRate)
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			accepted, err := c.publishOne(ctx, &records[i], due)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				p.failure = err
				return
			}
			p.accepts, p.publishes = append(p.accepts, accepted), append(p.publishes, took)
		})
	}
	group.Wait()
	p.took = time.Since(start)
	return p
}

// publishOne returns how long after due the record was accepted, once it is
// published.
func (c *client) publishOne(ctx context.Context, r *record, due time.Time) (accepted time.Duration, err error) {
	if err := c.post(ctx, r); err != nil {
		return 0, err
	}
	accepted = time.Since(due)
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	for {
		status, err := c.status(ctx, r)
		switch {
		case err != nil:
			return 0, err
		case status.State == api.StatePublished:
			return accepted, nil
		case status.State != api.StateProcessing:
			return 0, fmt.Errorf("record %s of %s is %s (%s)", r.id, r.name, status.State, status.Reason)
		}
		time.Sleep(hostilePoll)
	}
}

func (p *published) report(t *table, records int) {
	t.add(fmt.Sprintf("hostile: good records published, at %d/s", latencyRate), "all", "%d of %d", len(p.publishes), records)
	if p.failure != nil {
		t.note("One of the good records that failed: %v.", p.failure)
	}
	if len(p.publishes) == 0 {
		return
	}
	t.add("hostile: good records, post to published, p99", "under 2 s", "%s (p50 %s; accepted after %s, p99 %s)",
		milliseconds(percentile(p.publishes, 0.99)), milliseconds(median(p.publishes)),
		milliseconds(median(p.accepts)), milliseconds(percentile(p.accepts, 0.99)))
}

// tally counts answers by kind of request and status; 0 stands for connections
// that were closed without an answer. Safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[int]int // guarded by mu
}

func (t *tally) count(kind string, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]map[int]int{}
	}
	if t.counts[kind] == nil {
		t.counts[kind] = map[int]int{}
	}
	t.counts[kind][status]++
}

// classes returns how many were counted, and how many by the first digit of the
// status.
func (t *tally) classes() (all int, classes [6]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, byStatus := range t.counts {
		for status, n := range byStatus {
			all += n
			classes[status/100] += n
		}
	}
	return all, classes
}

// accepted is an error if a wrong request was answered as if it were right.
func (t *tally) accepted() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for kind, byStatus := range t.counts {
		for status, n := range byStatus {
			if status != 0 && status < http.StatusBadRequest {
				return fmt.Errorf("%d requests with %s were answered with status %d", n, kind, status)
			}
		}
	}
	return nil
}
