package publisher

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
)

const (
	idlePoll        = time.Second // look whether something is left to do
	retryAfter      = 500 * time.Millisecond
	stepDownTimeout = time.Second
)

// Run sequences, integrates, signs and publishes until ctx ends, and then returns
// nil. Reading and accepting need no Run.
func (p *Publisher) Run(ctx context.Context) error {
	e := newEngine(p)
	var work sync.WaitGroup
	work.Go(func() { p.repeat(ctx, "sequencing", p.accepted, e.sequence) })
	work.Go(func() { p.repeat(ctx, "integrating", e.queued, e.integrate) })
	for _, s := range p.stages {
		work.Go(func() { s.run(ctx, p) })
	}
	work.Wait()
	e.stepDown(ctx)
	<-ctx.Done() // after a fault nothing is published, and reading goes on
	return nil
}

// repeat takes steps until ctx ends. A step returns how long nothing new will
// have to be done unless somebody nudges. After a passing failure it tries again,
// and no nudge hastens that: the two kinds of steps nudge each other while they begin
// anew, and so would try without pause for as long as one fails. A fault ends it, and all
// other work of the publisher: nothing is signed any more.
func (p *Publisher) repeat(ctx context.Context, what string, nudged <-chan struct{}, step func(context.Context) (time.Duration, error)) {
	failures := sparselog.New(p.options.Logger)
	for ctx.Err() == nil && p.faulted() == nil {
		wait, err := step(ctx)
		wakes := nudged
		switch {
		case err == nil || ctx.Err() != nil:
		case isFault(err):
			p.setFault(err)
			p.options.Logger.Error("signing has stopped: what Trillian or the database holds does not fit what was signed; reads go on at the last checkpoint", "error", err)
			return
		default:
			failures.Write(ctx, slog.LevelWarn, what, what+" failed; trying again", "error", err, "after", retryAfter)
			wait, wakes = retryAfter, nil
		}
		if wait > 0 {
			wake.Sleep(ctx, wait, wakes)
		}
	}
}
