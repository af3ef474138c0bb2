package publisher

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

const (
	sharedPoll   = 50 * time.Millisecond // look for what another process has accepted
	inFlightPoll = 20 * time.Millisecond // look for what a Trillian elsewhere has sequenced
)

// engine moves records from accepted to published while this process leads. Two
// goroutines of [Publisher.Run] share it, so that Trillian has always something to
// do: one hands records to the records log, the other reads back what is sequenced
// and makes checkpoints. The sequencer remembers what is in flight between them.
type engine struct {
	*Publisher
	// nil while this process does not lead, until the integrator is loaded.
	sequencer atomic.Pointer[sequencer]
	queued    chan struct{} // nudged when records were handed over

	// Of the integrating goroutine.
	election   *election
	integrator *integrator // nil until it is loaded from the database, and again after a failure
}

func newEngine(p *Publisher) *engine {
	return &engine{Publisher: p, queued: make(chan struct{}, 1), election: newElection(p.options.Store, p.options.Now)}
}

// sequence hands complete records to the records log. It returns how long nothing
// new will have to be done unless somebody wakes it, like [engine.integrate].
func (e *engine) sequence(ctx context.Context) (wait time.Duration, err error) {
	s := e.sequencer.Load()
	if s == nil {
		e.options.Observer.Waiting(0)
		e.setFailure(sequencing, nil)
		return campaignEach, nil
	}
	batch, err := s.nextBatch(ctx)
	e.options.Observer.Waiting(s.queued())
	if err == nil && s.queued() > 0 {
		err = s.queue(ctx, batch)
		wake.Nudge(e.queued)
	}
	if err != nil {
		// Which of them the log has is not known: all are handed over again.
		s.reset()
	}
	if ctx.Err() == nil {
		e.setFailure(sequencing, err)
	}
	switch {
	case len(batch) > 0:
		return 0, err
	case s.queued() > 0:
		return inFlightPoll, err
	case e.options.SharedStore:
		return sharedPoll, err
	}
	return idlePoll, err
}

// integrate reads back what is sequenced and makes a checkpoint of it, if this
// process leads. The leader renews its leadership here, so that another process
// takes over from one that cannot integrate.
func (e *engine) integrate(ctx context.Context) (wait time.Duration, err error) {
	leads := true
	if e.options.SharedStore {
		if wait := e.election.abstains(); wait > 0 {
			return min(wait, campaignEach), nil
		}
		leads, err = e.election.campaign(ctx)
	}
	switch {
	case err != nil:
	case !leads:
		wait = campaignEach
	case e.integrator == nil:
		err = e.begin(ctx)
	default:
		wait, err = e.integrateMore(ctx)
	}
	if err != nil || !leads {
		e.integrator = nil
		e.sequencer.Store(nil)
	}
	if withoutKey(err) && e.options.SharedStore {
		e.abstain(ctx)
		leads = false
	}
	e.lead(leads)
	if errors.Is(err, store.ErrSuperseded) {
		e.options.Logger.Debug("another process has published meanwhile; going on from its checkpoint")
		err = nil
	}
	if ctx.Err() == nil {
		e.setFailure(integrating, err)
	}
	return wait, err
}

// begin starts at the newest checkpoint.
func (e *engine) begin(ctx context.Context) error {
	integrator, err := loadIntegrator(ctx, e.Publisher)
	if err != nil {
		return err
	}
	e.integrator = integrator
	e.sequencer.Store(newSequencer(e.Publisher))
	e.Wake()
	return nil
}

// integrateMore reads what is sequenced by now, and makes the checkpoint that is
// due.
func (e *engine) integrateMore(ctx context.Context) (time.Duration, error) {
	fresh, err := e.integrator.read(ctx, math.MaxUint64)
	if err != nil {
		return 0, err
	}
	s := e.sequencer.Load()
	s.sequenced(fresh)
	due := len(e.integrator.unpublished) > 0 && e.untilCheckpoint() == 0
	if due {
		if err := e.makeCheckpoint(ctx, s); err != nil {
			return 0, err
		}
	}
	if len(fresh) > 0 || due {
		e.options.Observer.Waiting(s.queued())
		e.Wake() // their successors may follow
	}
	if e.integrator.more() {
		return 0, nil
	}
	return e.idle(ctx, s)
}

// idle does what is due when everything that is sequenced was read, and says how
// long to wait.
func (e *engine) idle(ctx context.Context, s *sequencer) (time.Duration, error) {
	switch {
	case len(e.integrator.unpublished) > 0:
		return max(e.untilCheckpoint(), time.Microsecond), nil
	case s.queued() > 0:
		return inFlightPoll, nil
	case e.integrator.republishDue():
		return campaignEach, e.integrator.republish(ctx)
	}
	return campaignEach, nil // often enough to stay the leader
}

// untilCheckpoint is how long the next checkpoint must wait.
func (e *engine) untilCheckpoint() time.Duration {
	return max(0, e.options.CheckpointInterval-e.options.Now().Sub(e.integrator.published))
}

// makeCheckpoint makes a checkpoint and tells who has to know.
func (e *engine) makeCheckpoint(ctx context.Context, s *sequencer) error {
	published, err := e.integrator.publish(ctx)
	if err != nil {
		return err
	}
	s.published(published)
	e.options.Published(len(published))
	e.announce()
	return nil
}

// lead notes whether this process publishes from now on.
func (e *engine) lead(leads bool) {
	if e.leading.Swap(leads) != leads {
		e.options.Logger.Debug("sequencing and integrating", "here", leads)
		e.options.Observer.Leading(leads)
	}
}

// stepDown lets another process lead.
func (e *engine) stepDown(ctx context.Context) {
	e.lead(false)
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), stepDownTimeout)
	defer done()
	if err := e.election.stepDown(ctx); err != nil {
		e.options.Logger.Warn("could not step down; another process takes over a little later", "error", err)
	}
}

// abstain lets another process lead, which may have the key that this one lacks, and
// leaves that to it for a while.
func (e *engine) abstain(ctx context.Context) {
	e.stepDown(ctx)
	e.election.abstain()
}
