package publisher

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// A checkpoint goes through stages, in this order:
//
//	integrated  the leaves behind the checkpoint before are read and verified, its
//	            roots are computed, the new tiles of the package index are stored
//	signed      the operator's signature over the roots is stored
//	published   its records have their places in the records log: readers see them
//
// These three are one transaction ([plan.commit]), so that a checkpoint costs one
// write to the disk and no reader sees half of one. A mismatch found in any of them
// stores nothing.
//
// Stages after publication come in the list below. Each works off the published
// checkpoints in a goroutine of its own, with its own state in the database that
// says how far it is, so clients never wait for one, a stage that fails does not
// stop another, and one that is new begins at the first checkpoint.

// stage is a stage after publication.
type stage struct {
	name      string // what it does, for people
	published chan struct{}
	// step does some of what is to be done, and returns how long nothing will
	// have to be done unless a checkpoint is published. Only the process that
	// leads takes steps.
	step func(ctx context.Context) (wait time.Duration, err error)

	failure atomic.Pointer[error] // of the last step; nil if it did not fail
}

// stagesAfterPublication are the stages after publication.
func (p *Publisher) stagesAfterPublication() []*stage {
	return []*stage{
		newStage("filling the checkpoints log", (&checkpointsLog{p: p}).step),
		newStage("tiles and notes of the records log", newNotes(p, tlog.Records).step),
		newStage("tiles and notes of the checkpoints log", newNotes(p, tlog.Checkpoints).step),
	}
}

func newStage(name string, step func(context.Context) (time.Duration, error)) *stage {
	return &stage{name: name, published: make(chan struct{}, 1), step: step}
}

// run takes the stage's steps until ctx ends.
func (s *stage) run(ctx context.Context, p *Publisher) {
	p.repeat(ctx, s.name, s.published, func(ctx context.Context) (time.Duration, error) {
		if !p.leading.Load() {
			return campaignEach, nil
		}
		wait, err := s.step(ctx)
		s.failure.Store(nil)
		if err != nil && ctx.Err() == nil {
			s.failure.Store(&err)
		}
		return wait, err
	})
}

// Remarks are why stages after publication fail, a line each; none if none does.
func (p *Publisher) Remarks() (lines []string) {
	for _, s := range p.stages {
		if failure := s.failure.Load(); failure != nil {
			lines = append(lines, fmt.Sprintf("%s fails: %v", s.name, *failure))
		}
	}
	return lines
}

// announce tells all who wait for a checkpoint that this process has made one.
func (p *Publisher) announce() {
	for _, s := range p.stages {
		wake.Nudge(s.published)
	}
	p.checkpoints.Happened()
}
