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
	sharedPoll = 50 * time.Millisecond // look for what another process has accepted
	flightPoll = 20 * time.Millisecond // look for what a Trillian elsewhere has sequenced
)

// engine moves records from accepted to published while this process leads. Two
// goroutines of [Publisher.Run] share it, so that Trillian has always something
// to do: one hands records to Trillian, the other reads what is sequenced and
// makes checkpoints. What is on its way between them, the sequencer remembers.
type engine struct {
	*Publisher
	// nil while this process does not lead, until the integrator is loaded.
	sequencer atomic.Pointer[sequencer]
	queued    chan struct{} // nudged when records were handed to Trillian

	// Of the integrating goroutine.
	election   *election
	integrator *integrator // nil until it is loaded from the store, and again after a failure
}

func newEngine(r *Publisher) *engine {
	return &engine{Publisher: r, queued: make(chan struct{}, 1), election: newElection(r.publishing, r.Now)}
}

// sequence hands complete records to Trillian. It returns how long nothing new
// will have to be done unless somebody wakes it, like [engine.integrate].
func (e *engine) sequence(ctx context.Context) (wait time.Duration, err error) {
	s := e.sequencer.Load()
	if s == nil {
		e.Observer.Waiting(0)
		e.setStall(sequencing, nil)
		return campaignEach, nil
	}
	chosen, err := s.choose(ctx)
	e.Observer.Waiting(s.waiting())
	if err == nil && s.waiting() > 0 {
		err = s.queue(ctx, chosen)
		wake.Nudge(e.queued)
	}
	if err != nil {
		// What of them Trillian has is not known: all are handed over again.
		s.reset()
	}
	if ctx.Err() == nil {
		e.setStall(sequencing, err)
	}
	switch {
	case len(chosen) > 0:
		return 0, err
	case s.waiting() > 0:
		return flightPoll, err
	case e.SharedStore:
		return sharedPoll, err
	}
	return idlePoll, err
}

// integrate reads what Trillian has sequenced and covers it with a checkpoint,
// if this process leads. It is here that the leader shows that it lives, so that
// another takes over from one that cannot integrate.
func (e *engine) integrate(ctx context.Context) (wait time.Duration, err error) {
	leads := true
	if e.SharedStore {
		leads, err = e.election.campaign(ctx)
	}
	switch {
	case err != nil:
	case !leads:
		wait = campaignEach
	case e.integrator == nil:
		err = e.begin(ctx)
	default:
		wait, err = e.advance(ctx)
	}
	if err != nil || !leads {
		e.integrator = nil
		e.sequencer.Store(nil)
	}
	e.lead(leads)
	if errors.Is(err, store.ErrSuperseded) {
		err = nil
	}
	if ctx.Err() == nil {
		e.setStall(integrating, err)
	}
	return wait, err
}

// begin starts at the newest checkpoint.
func (e *engine) begin(ctx context.Context) error {
	integrator := &integrator{r: e.Publisher}
	if err := integrator.load(ctx); err != nil {
		return err
	}
	e.integrator = integrator
	e.sequencer.Store(newSequencer(e.Publisher))
	wake.Nudge(e.wake)
	return nil
}

// advance takes over what is sequenced by now, and makes the checkpoint that is
// due.
func (e *engine) advance(ctx context.Context) (time.Duration, error) {
	fresh, err := e.integrator.fetch(ctx, math.MaxUint64)
	if err != nil {
		return 0, err
	}
	s := e.sequencer.Load()
	s.sequenced(fresh)
	due := len(e.integrator.tail) > 0 && e.untilCheckpoint() == 0
	if due {
		if err := e.makeCheckpoint(ctx, s); err != nil {
			return 0, err
		}
	}
	if len(fresh) > 0 || due {
		e.Observer.Waiting(s.waiting())
		wake.Nudge(e.wake) // their successors may follow
	}
	if e.integrator.behind() {
		return 0, nil
	}
	return e.rest(ctx, s)
}

// rest says how long to wait when everything that is sequenced was read.
func (e *engine) rest(ctx context.Context, s *sequencer) (time.Duration, error) {
	switch {
	case len(e.integrator.tail) > 0:
		return max(e.untilCheckpoint(), time.Microsecond), nil
	case s.waiting() > 0:
		return flightPoll, nil
	case e.integrator.stale():
		return campaignEach, e.integrator.resign(ctx)
	}
	return campaignEach, nil // often enough to say that the leader lives
}

// untilCheckpoint is how long the next checkpoint must wait.
func (e *engine) untilCheckpoint() time.Duration {
	return max(0, e.CheckpointInterval-e.Now().Sub(e.integrator.signed))
}

// makeCheckpoint makes a checkpoint and forgets the flights that it ends.
func (e *engine) makeCheckpoint(ctx context.Context, s *sequencer) error {
	published, err := e.integrator.integrate(ctx)
	if err != nil {
		return err
	}
	s.published(published)
	e.Published(len(published))
	wake.Nudge(e.checkpoint)
	e.checkpoints.Happened()
	return nil
}

// lead notes whether this process sequences and integrates from now on.
func (e *engine) lead(leads bool) {
	if e.leading.Swap(leads) != leads {
		e.Logger.Debug("sequencing and integrating", "here", leads)
		e.Observer.Leading(leads)
	}
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
