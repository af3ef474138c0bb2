package publisher

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
)

const (
	idlePoll      = time.Second // look whether something is left to do
	retryAfter    = 500 * time.Millisecond
	resignTimeout = time.Second
)

// Run sequences, integrates and signs until ctx ends, and then returns nil.
// Reading and accepting need no Run.
func (r *Publisher) Run(ctx context.Context) error {
	e, logger := newEngine(r), &checkpointsLogger{Publisher: r}
	var work sync.WaitGroup
	work.Go(func() { r.repeat(ctx, "sequencing", r.wake, e.sequence) })
	work.Go(func() { r.repeat(ctx, "integrating", e.queued, e.integrate) })
	work.Go(func() {
		r.repeat(ctx, "filling the checkpoints log", r.checkpoint, r.whileLeading(logger.step))
	})
	work.Wait()
	e.stepDown(ctx)
	<-ctx.Done() // after a fault nothing is published, and reading goes on
	return nil
}

// whileLeading leaves work to the process that leads.
func (r *Publisher) whileLeading(step func(context.Context) (time.Duration, error)) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		if !r.leading.Load() {
			return campaignEach, nil
		}
		return step(ctx)
	}
}

// repeat takes steps until ctx ends. A step returns how long nothing new will
// have to be done unless somebody nudges. After a passing failure it tries
// again; a fault ends it, and all that another one found would sign on.
func (r *Publisher) repeat(ctx context.Context, what string, nudged <-chan struct{}, step func(context.Context) (time.Duration, error)) {
	for ctx.Err() == nil && r.faulted() == nil {
		wait, err := step(ctx)
		var fault faultError
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.As(err, &fault):
			r.setFault(fault)
			r.Logger.Error("signing has stopped: what Trillian holds does not fit what was signed; reads go on at the last checkpoint", "error", err)
			return
		default:
			r.Logger.Warn(what+" failed; trying again", "error", err, "after", retryAfter)
			wait = retryAfter
		}
		if wait > 0 {
			wake.Sleep(ctx, wait, nudged)
		}
	}
}
