package registry

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

const (
	idlePoll   = time.Second           // look for what another process has accepted
	flightPoll = 20 * time.Millisecond // look for what a Trillian elsewhere has sequenced
	retryAfter = 500 * time.Millisecond
	expireEach = time.Minute
)

// Run sequences, integrates and signs until ctx ends. Reading and accepting
// need no Run. It returns nil when ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { r.runEngine(ctx); return nil })
	group.Go(func() error { r.runCheckpointsLog(ctx); return nil })
	group.Go(func() error { r.runExpiry(ctx); return nil })
	return group.Wait()
}

// engine moves records from accepted to published, turn by turn.
type engine struct {
	*Registry
	sequencer  *sequencer
	integrator *integrator
}

// runEngine takes turns for as long as there is something to do. After a
// passing failure it begins again from the store; a fault ends it.
func (r *Registry) runEngine(ctx context.Context) {
	var e *engine
	for ctx.Err() == nil {
		var err error
		var wait time.Duration
		if e == nil {
			e, err = r.newEngine(ctx)
		} else {
			wait, err = e.turn(ctx)
		}
		var fault faultError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &fault):
			r.setFault(fault)
			r.Logger.Error("signing has stopped: what Trillian holds does not fit what was signed; reads go on at the last checkpoint", "error", err)
			return
		case errors.Is(err, store.ErrSuperseded):
			e, err = nil, nil
		case err != nil:
			r.Logger.Warn("sequencing or integrating failed; trying again", "error", err, "after", retryAfter)
			e, wait = nil, retryAfter
		}
		r.setStall(err)
		if wait > 0 {
			r.sleep(ctx, wait, r.wake)
		}
	}
}

func (r *Registry) newEngine(ctx context.Context) (*engine, error) {
	e := &engine{Registry: r, sequencer: newSequencer(r), integrator: &integrator{r: r}}
	return e, e.integrator.load(ctx)
}

// turn does what can be done now: it queues complete records and, at the same
// time, makes the checkpoint that is due; then it reads what Trillian has
// sequenced. It returns how long nothing new will have to be done unless
// somebody wakes it.
func (e *engine) turn(ctx context.Context) (time.Duration, error) {
	chosen, err := e.sequencer.choose(ctx)
	if err != nil {
		return 0, err
	}
	e.sequencer.queued(chosen)
	due := len(e.integrator.tail) > 0 && e.untilCheckpoint() == 0
	work, workCtx := errgroup.WithContext(ctx)
	if e.sequencer.waiting > 0 {
		work.Go(func() error { return e.sequencer.queue(workCtx, chosen) })
	}
	if due {
		work.Go(func() error { return e.makeCheckpoint(workCtx) })
	}
	if err := work.Wait(); err != nil {
		return 0, err
	}
	fresh, err := e.integrator.fetch(ctx)
	if err != nil {
		return 0, err
	}
	for _, leaf := range fresh {
		e.sequencer.sequenced(leaf)
	}
	if len(chosen) > 0 || len(fresh) > 0 || due {
		return 0, nil
	}
	return e.rest(ctx)
}

// rest says how long to wait when a turn found nothing to do.
func (e *engine) rest(ctx context.Context) (time.Duration, error) {
	switch {
	case len(e.integrator.tail) > 0:
		return max(e.untilCheckpoint(), time.Microsecond), nil
	case e.sequencer.waiting > 0:
		return flightPoll, nil
	case e.integrator.length() > 0 && e.Now().Sub(e.integrator.signed) >= e.ResignInterval:
		return idlePoll, e.integrator.resign(ctx)
	}
	return idlePoll, nil
}

// untilCheckpoint is how long the next checkpoint must wait.
func (e *engine) untilCheckpoint() time.Duration {
	return max(0, e.CheckpointInterval-e.Now().Sub(e.integrator.signed))
}

// makeCheckpoint makes a checkpoint and forgets the flights that it ends. It
// runs beside [sequencer.queue], which looks at none of the flights.
func (e *engine) makeCheckpoint(ctx context.Context) error {
	published, err := e.integrator.integrate(ctx)
	if err != nil {
		return err
	}
	for _, leaf := range published {
		e.sequencer.published(leaf)
	}
	nudge(e.checkpoint)
	return nil
}

func (r *Registry) runExpiry(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.expireUploads(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Warn("could not reject records whose content did not come", "error", err)
		}
		r.sleep(ctx, expireEach, nil)
	}
}

// sleep waits until a time has passed, somebody nudges, or ctx ends.
func (r *Registry) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}
