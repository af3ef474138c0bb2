package registry

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

const (
	idlePoll      = time.Second           // look whether something is left to do
	sharedPoll    = 50 * time.Millisecond // look for what another process has accepted
	flightPoll    = 20 * time.Millisecond // look for what a Trillian elsewhere has sequenced
	retryAfter    = 500 * time.Millisecond
	expireEach    = time.Minute
	resignTimeout = time.Second
)

// Run sequences, integrates and signs until ctx ends, and then returns nil.
// Reading and accepting need no Run.
func (r *Registry) Run(ctx context.Context) error {
	e := &engine{Registry: r, election: newElection(r.Store, r.Now)}
	var work sync.WaitGroup
	work.Go(func() { r.repeat(ctx, "publishing", r.wake, e.step) })
	work.Go(func() {
		r.repeat(ctx, "filling the checkpoints log", r.checkpoint, r.whileLeading(r.logCheckpoints))
	})
	work.Go(func() {
		r.repeat(ctx, "rejecting records whose content did not come", nil, r.whileLeading(r.expireUploads))
	})
	work.Go(func() { r.repeat(ctx, "counting the queue", nil, r.countQueue) })
	work.Wait()
	e.stepDown(ctx)
	<-ctx.Done() // after a fault nothing is published, and reading goes on
	return nil
}

// stepDown lets another process lead.
func (e *engine) stepDown(ctx context.Context) {
	e.lead(false)
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), resignTimeout)
	defer done()
	if err := e.election.resign(ctx); err != nil {
		e.Logger.Warn("could not resign; another process takes over a little later", "error", err)
	}
}

// whileLeading leaves work to the process that leads.
func (r *Registry) whileLeading(step func(context.Context) (time.Duration, error)) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		if !r.leading.Load() {
			return campaignEach, nil
		}
		return step(ctx)
	}
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
	election   *election
	sequencer  *sequencer
	integrator *integrator
}

// lead notes whether this process sequences and integrates from now on.
func (e *engine) lead(leads bool) {
	if e.leading.Swap(leads) != leads {
		e.Logger.Debug("sequencing and integrating", "here", leads)
		e.Observer.Leading(leads)
	}
}

// step takes a turn if this process leads, beginning from the store if need be.
func (e *engine) step(ctx context.Context) (wait time.Duration, err error) {
	leads := true
	if e.SharedStore {
		leads, err = e.election.campaign(ctx)
	}
	e.lead(leads)
	if !leads {
		e.integrator = nil
		if ctx.Err() == nil {
			e.setStall(err)
		}
		return campaignEach, err
	}
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
	e.Observer.Waiting(e.sequencer.waiting)
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
	fresh, err := e.integrator.fetch(ctx, math.MaxUint64)
	if err != nil {
		return 0, err
	}
	for _, leaf := range fresh {
		e.sequencer.sequenced(leaf)
	}
	e.Observer.Waiting(e.sequencer.waiting)
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
		return e.idlePoll(), e.integrator.resign(ctx)
	}
	return e.idlePoll(), nil
}

// idlePoll is how often to look for what another process has accepted.
func (e *engine) idlePoll() time.Duration {
	if e.SharedStore {
		return sharedPoll
	}
	return idlePoll
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
	e.queue.add(-len(published))
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
