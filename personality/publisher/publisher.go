package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// TrillianLog is what the registry asks of a Trillian log.
type TrillianLog interface {
	// Queue hands leaves over for sequencing. Leaves that are already there
	// are no error.
	Queue(ctx context.Context, leaves []trilliansvc.Leaf) error
	// Advance sequences now what is queued, where this process can.
	Advance(ctx context.Context) error
	Root(ctx context.Context) (trilliansvc.Root, error)
	Leaves(ctx context.Context, start uint64, count int) ([]trilliansvc.LeafAt, error)
	InclusionProof(ctx context.Context, index, size uint64) ([][]byte, error)
	ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error)
}

// Restorer puts records that are sequenced already back into the store, and
// knows whose key the operator log takes.
type Restorer interface {
	// Restore stores the record of a leaf as accepted, unless it is there.
	Restore(tx *store.Tx, leaf protocol.LogLeaf, name string, envelope []byte) error
	// CheckOperatorKey refuses an operator key that the stored operator log does
	// not allow to sign checkpoints.
	CheckOperatorKey(tx *store.Tx) error
}

// Options are what a [Registry] is made of and how it behaves.
type Options struct {
	Store       *store.DB
	Records     TrillianLog // the records log
	Checkpoints TrillianLog // the checkpoints log
	Index       *index.Tree // the package index, over the tiles in Store
	// OperatorKey signs checkpoints.
	OperatorKey protocol.PrivateKey

	// CheckpointInterval is the least time between two checkpoints.
	CheckpointInterval time.Duration
	// ResignInterval is after what time the last checkpoint of an idle registry
	// is signed again.
	ResignInterval time.Duration
	// InFlightPerLog is how many records of one package log may be on their way
	// through Trillian at a time. More than 1 only where Trillian keeps the
	// order of queueing, as it does with one client, one log server and one
	// signer.
	InFlightPerLog int
	// SharedStore says that other processes may use the same Store. They agree
	// on one that sequences and integrates.
	SharedStore bool
	// Restorer is who knows how a record is stored, for [Publisher.Rebuild].
	Restorer Restorer
	// Published is told how many records a checkpoint has published; nil for
	// nobody.
	Published func(records int)

	Now    func() time.Time
	Logger *slog.Logger
	// Observer is told what is done; nil for nobody.
	Observer Observer
}

// Publisher makes checkpoints of what is accepted. Its methods are safe for
// concurrent use.
type Publisher struct {
	Options
	publishing *store.DB // Store, for what Run does: it does not stand behind readers

	wake       chan struct{} // something may be ready to sequence
	checkpoint chan struct{} // there is a checkpoint to put into the checkpoints log

	checkpoints wake.Broadcast // this process has made a checkpoint

	leading atomic.Bool // this process sequences and integrates

	mu    sync.Mutex
	fault error    // guarded by mu; why nothing is signed any more
	stall [2]error // guarded by mu; why the last attempt at each kind of work failed
}

// New returns a publisher. Nothing happens until [Publisher.Run].
func New(o Options) *Publisher {
	if o.Published == nil {
		o.Published = func(int) {}
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	return &Publisher{
		Options:    o,
		publishing: o.Store.Reserved(),
		wake:       make(chan struct{}, 1),
		checkpoint: make(chan struct{}, 1),
	}
}

// faultError is a finding that makes signing another checkpoint wrong: what
// Trillian says does not fit what was signed before.
type faultError struct{ error }

func (e faultError) Unwrap() error { return e.error }

func faultf(format string, args ...any) error {
	return faultError{fmt.Errorf(format, args...)}
}

func (r *Publisher) setFault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

func (r *Publisher) faulted() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}

// The kinds of work that publishing takes.
const (
	sequencing = iota
	integrating
)

func (r *Publisher) setStall(work int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stall[work] = err
}

// Wake makes the sequencer look for accepted records.
func (r *Publisher) Wake() { wake.Nudge(r.wake) }

// NextCheckpoint returns a channel that is closed when this process has made
// another checkpoint.
func (r *Publisher) NextCheckpoint() <-chan struct{} { return r.checkpoints.Next() }

// Ready returns why nothing is published, with a line for each reason; nil where
// all is well.
func (r *Publisher) Ready(context.Context) error {
	fault, stall := r.Troubles()
	var all []error
	if fault != nil {
		all = append(all, fmt.Errorf("signing has stopped: %w", fault))
	}
	if stall != nil {
		all = append(all, fmt.Errorf("publishing is delayed: %w", stall))
	}
	return errors.Join(all...)
}

// Troubles returns why nothing is signed any more, and why the last attempt of
// this process to sequence or integrate failed; nil where all is well.
func (r *Publisher) Troubles() (fault, stall error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault, errors.Join(r.stall[:]...)
}
