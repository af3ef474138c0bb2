package registry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/index"
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

// Contents is what the registry asks of a content store.
type Contents interface {
	Has(ctx context.Context, digest protocol.Hash) (bool, error)
	Put(ctx context.Context, digest protocol.Hash, r io.Reader, check content.Check) (int64, error)
	Open(ctx context.Context, digest protocol.Hash) (content.Content, error)
}

// RecordPolicy decides whether a package record may be accepted, beside the
// protocol's own rules.
type RecordPolicy interface {
	Check(name protocol.PackageName, keyID protocol.KeyID, record *protocol.PackageRecord) error
}

// Options are what a [Registry] is made of and how it behaves.
type Options struct {
	Store       *store.DB
	Records     TrillianLog // the records log
	Checkpoints TrillianLog // the checkpoints log
	Index       *index.Tree // the package index, over the tiles in Store
	Contents    Contents
	// CheckContent decides whether a content may be kept; nil allows all.
	CheckContent content.Check
	// OperatorKey signs checkpoints and operator records.
	OperatorKey protocol.PrivateKey

	// CheckpointInterval is the least time between two checkpoints.
	CheckpointInterval time.Duration
	// ResignInterval is after what time the last checkpoint of an idle registry
	// is signed again.
	ResignInterval time.Duration
	// UploadTimeout is how long an accepted record may wait for content before
	// it is rejected.
	UploadTimeout time.Duration
	// InFlightPerLog is how many records of one package log may be on their way
	// through Trillian at a time. More than 1 only where Trillian keeps the
	// order of queueing, as it does with one client, one log server and one
	// signer.
	InFlightPerLog int
	// SharedStore says that other processes may use the same Store. They agree
	// on one that sequences and integrates.
	SharedStore bool
	// MaxQueue is how many complete records may wait to be published before
	// more are refused with [ErrOverloaded]; zero: any number.
	MaxQueue int

	Now    func() time.Time
	Logger *slog.Logger
	// Observer is told what is done; nil for nobody.
	Observer Observer
}

// Registry is a warg registry. Its methods are safe for concurrent use.
type Registry struct {
	Options
	operatorKeyID protocol.KeyID
	recordPolicy  atomic.Pointer[RecordPolicy]
	publishing    *store.DB // Store, for what Run does: it does not stand behind readers

	wake       chan struct{} // something may be ready to sequence
	checkpoint chan struct{} // there is a checkpoint to put into the checkpoints log

	checkpoints broadcast // this process has made a checkpoint

	leading  atomic.Bool // this process sequences and integrates
	operator operatorCache
	queue    queueLength

	mu    sync.Mutex
	fault error    // guarded by mu; why nothing is signed any more
	stall [2]error // guarded by mu; why the last attempt at each kind of work failed
}

// New returns a registry. Nothing happens until [Registry.Run].
func New(o Options) *Registry {
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	return &Registry{
		Options:       o,
		operatorKeyID: o.OperatorKey.Public().ID(),
		publishing:    o.Store.Reserved(),
		wake:          make(chan struct{}, 1),
		checkpoint:    make(chan struct{}, 1),
	}
}

// SetRecordPolicy replaces the policy that new records must satisfy; nil allows
// all.
func (r *Registry) SetRecordPolicy(p RecordPolicy) {
	if p == nil {
		r.recordPolicy.Store(nil)
		return
	}
	r.recordPolicy.Store(&p)
}

// faultError is a finding that makes signing another checkpoint wrong: what
// Trillian says does not fit what was signed before.
type faultError struct{ error }

func (e faultError) Unwrap() error { return e.error }

func faultf(format string, args ...any) error {
	return faultError{fmt.Errorf(format, args...)}
}

func (r *Registry) setFault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

func (r *Registry) faulted() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}

// The kinds of work that publishing takes.
const (
	sequencing = iota
	integrating
)

func (r *Registry) setStall(work int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stall[work] = err
}

// broadcast wakes all who wait for something to happen. The zero value is ready.
type broadcast struct {
	mu   sync.Mutex
	next chan struct{} // guarded by mu; closed when it happens; nil if nobody waits
}

// wait returns a channel that is closed the next time.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *broadcast) happened() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// nudge makes a goroutine that waits on c look again.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
