// Package admission decides what may enter the registry: package records, their
// content, and the operator's own records. What it accepts is in the store, in
// the order of each log; the publisher takes it from there.
package admission

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Contents is what is asked of a content store.
type Contents interface {
	Has(ctx context.Context, digest protocol.Hash) (bool, error)
	Put(ctx context.Context, digest protocol.Hash, r io.Reader, check content.Check) (int64, error)
}

// RecordPolicy decides whether a package record may be accepted, beside the
// protocol's own rules.
type RecordPolicy interface {
	Check(name protocol.PackageName, keyID protocol.KeyID, record *protocol.PackageRecord) error
}

// Options are what an [Admission] is made of and how it behaves.
type Options struct {
	Store    *store.DB
	Contents Contents
	// CheckContent decides whether a content may be kept; nil allows all.
	CheckContent content.Check
	// OperatorKey signs operator records.
	OperatorKey protocol.PrivateKey
	// RecordsLogSize returns how many leaves Trillian's records log has.
	RecordsLogSize func(context.Context) (uint64, error)
	// UploadTimeout is how long an accepted record may wait for content before
	// it is rejected.
	UploadTimeout time.Duration
	// MaxQueue is how many complete records may wait to be published before
	// more are refused with [registry.ErrOverloaded]; zero: any number.
	MaxQueue int
	// Accepted is told that there is something to sequence; nil for nobody.
	Accepted func()

	Now    func() time.Time
	Logger *slog.Logger
}

// Admission accepts records and content. Safe for concurrent use.
type Admission struct {
	Options
	operatorKeyID protocol.KeyID
	recordPolicy  atomic.Pointer[RecordPolicy]
	operator      operatorCache
	queue         queueLength
}

// New returns an admission.
func New(o Options) *Admission {
	if o.Accepted == nil {
		o.Accepted = func() {}
	}
	return &Admission{Options: o, operatorKeyID: o.OperatorKey.Public().ID()}
}

// SetRecordPolicy replaces the policy that new records must satisfy; nil allows
// all.
func (r *Admission) SetRecordPolicy(p RecordPolicy) {
	if p == nil {
		r.recordPolicy.Store(nil)
		return
	}
	r.recordPolicy.Store(&p)
}

// Published notes that records were published, so that there is room for more.
func (r *Admission) Published(records int) { r.queue.add(-records) }

const (
	expireEach = time.Minute
	retryAfter = 500 * time.Millisecond
)

// Run does what has to be done between requests, until ctx ends.
func (r *Admission) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.repeat(ctx, "rejecting records whose content did not come", r.expireUploads)
	}()
	r.repeat(ctx, "counting the queue", r.countQueue)
	<-done
}

// repeat takes steps until ctx ends. A step returns how long to wait for the next.
func (r *Admission) repeat(ctx context.Context, what string, step func(context.Context) (time.Duration, error)) {
	for ctx.Err() == nil {
		wait, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			r.Logger.Warn(what+" failed; trying again", "error", err, "after", retryAfter)
			wait = retryAfter
		}
		wake.Sleep(ctx, wait, nil)
	}
}

// Ready returns why nothing can be accepted; nil where all is well.
func (r *Admission) Ready(ctx context.Context) error {
	if _, err := r.Contents.Has(ctx, protocol.Hash{}); err != nil { // only whether it can be asked
		return fmt.Errorf("the content store does not answer: %w", err)
	}
	return nil
}
