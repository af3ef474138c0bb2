// Package publisher makes checkpoints of what is accepted. It hands records to the
// records log, reads them back in the order that the log gave them, computes the
// roots, signs, and publishes. It is the only place that makes checkpoints, and it
// takes nothing that a log says for granted.
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
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Database is what is asked of the registry's database; [store.DB] is one.
type Database interface {
	index.TileReader
	View(ctx context.Context, f func(*store.Tx) error) error
	Update(ctx context.Context, f func(*store.Tx) error) error
}

// Options are what a [Publisher] is made of and how it behaves.
type Options struct {
	Store       Database
	Records     Log         // the records log
	Checkpoints Log         // the checkpoints log
	Index       *index.Tree // the package index, over the tiles in Store
	// Keys sign checkpoints: of those that may, as of the checkpoint, the newest.
	Keys *signing.Keys

	// RecordsNoteKey and CheckpointsNoteKey sign the notes of the two logs; their names
	// are the origins.
	RecordsNoteKey, CheckpointsNoteKey *tlog.NoteKey

	// CheckpointInterval is the least time between two checkpoints.
	CheckpointInterval time.Duration
	// RepublishInterval is after what time the last checkpoint of an idle registry
	// is signed again, with the present time, and published again.
	RepublishInterval time.Duration
	// InFlightPerLog is how many records of one package log may be in the records
	// log's queue at a time. More than 1 only where that keeps the order of
	// queueing, as Trillian does with one client, one log server and one signer.
	InFlightPerLog int
	// SharedStore says that other processes may use the same database. They agree
	// on one that publishes.
	SharedStore bool
	// Restorer is who knows how records are stored, for [Publisher.Rebuild], and who may
	// sign checkpoints.
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
	options Options
	stages  []*stage // what follows publication

	accepted    chan struct{}  // something may be ready to sequence
	checkpoints wake.Broadcast // this process has made a checkpoint

	leading atomic.Bool // this process publishes

	mu       sync.Mutex
	fault    error              // guarded by mu; why nothing is signed any more
	failures [kindsOfWork]error // guarded by mu; why the last attempt at each kind of work failed
}

// New returns a publisher. Nothing happens until [Publisher.Run].
func New(o Options) *Publisher {
	if o.Published == nil {
		o.Published = func(int) {}
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	p := &Publisher{options: o, accepted: make(chan struct{}, 1)}
	p.stages = p.stagesAfterPublication()
	return p
}

// Wake makes the sequencer look for accepted records.
func (p *Publisher) Wake() { wake.Nudge(p.accepted) }

// Leads reports whether this process publishes, of those that share a database.
func (p *Publisher) Leads() bool { return p.leading.Load() }

// NextCheckpoint returns a channel that is closed when this process has made
// another checkpoint.
func (p *Publisher) NextCheckpoint() <-chan struct{} { return p.checkpoints.Next() }

// Ready returns why nothing is published, with a line for each reason; nil where
// all is well.
func (p *Publisher) Ready(context.Context) error {
	fault, failure := p.Troubles()
	var all []error
	if fault != nil {
		all = append(all, fmt.Errorf("signing has stopped: %w", fault))
	}
	if failure != nil {
		all = append(all, fmt.Errorf("publishing is delayed: %w", failure))
	}
	return errors.Join(all...)
}

// timestamp is the present time in seconds, or that of the checkpoint before if
// the clock has stepped back behind it.
func (p *Publisher) timestamp(last uint64) uint64 {
	return max(uint64(max(p.options.Now().Unix(), 0)), last)
}
