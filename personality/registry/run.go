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
	e := &engine{Registry: r}
	group.Go(func() error { r.repeat(ctx, "publishing", r.wake, e.step); return nil })
	group.Go(func() error { r.repeat(ctx, "filling the checkpoints log", r.checkpoint, r.logCheckpoints); return nil })
	group.Go(func() error {
		r.repeat(ctx, "rejecting records whose content did not come", nil, r.expireUploads)
		return nil
	})
	return group.Wait()
}

// repeat takes steps until ctx ends. A step returns how long nothing new will
// have to be done unless somebody nudges wake. After a passing failure it tries
// again; a fault ends it, and all that another one found would sign on.
func (r *Registry) repeat(ctx context.Context, what string, wake <-chan struct{}, step func(context.Context) (time.Duration, error)) {
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
			r.sleep(ctx, wait, wake)
		}
	}
}

// engine moves records from accepted to published, turn by turn. Its parts are
// nil until they are loaded from the store, and again after a failure.
type engine struct {
	*Registry
	sequencer  *sequencer
	integrator *integrator
}

// step takes a turn, beginning from the store if need be.
func (e *engine) step(ctx context.Context) (wait time.Duration, err error) {
	if e.integrator == nil {
		e.sequencer, e.integrator = newSequencer(e.Registry), &integrator{r: e.Registry}
		err = e.integrator.load(ctx)
	} else {
		wait, err = e.turn(ctx)
	}
	if err != nil {
		e.integrator = nil
	}
	if errors.Is(err, store.ErrSuperseded) {
		err = nil
	}
	if ctx.Err() == nil {
		e.setStall(err)
	}
	return wait, err
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
	e.checkpoints.happened()
	return nil
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
