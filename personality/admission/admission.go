// Package admission decides what may enter the registry: package records, their
// content, and the operator's own records. What it accepts is in the store, in
// the order of each log; the publisher takes it from there.
//
// A record enters its log when it is complete, and is never taken out of it. One
// whose content is missing, or that follows such a one, waits beside the log.
// Several may wait to follow the same record: the first that is complete and valid
// enters, and the others are rejected.
package admission

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/internal/groupcommit"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Contents is what is asked of a content store.
type Contents interface {
	// Has tells whether a content is there.
	Has(ctx context.Context, digest protocol.Hash) (bool, error)
	// Hold is Has, and keeps the content from being collected for a while.
	Hold(ctx context.Context, digest protocol.Hash) (bool, error)
	// Put keeps what r gives, if it has the digest and check allows it.
	Put(ctx context.Context, digest protocol.Hash, r io.Reader, check content.Check) (int64, error)
	// Probe tells whether content can be kept.
	Probe(ctx context.Context) error
	// SweepUploads removes what uploads left that ended long ago.
	SweepUploads(ctx context.Context, olderThan time.Duration) (removed int, err error)
	// Collect removes contents that nothing names.
	Collect(ctx context.Context, olderThan time.Duration, named content.Named) (removed int, err error)
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
	// ClientOf says for whom a request is, such as by an address, so that checks of
	// content take turns between clients, and what waits is shared between them; nil
	// or empty: by the key of the record.
	ClientOf func(context.Context) string
	// Keys sign the operator records that are made at start, and checkpoints.
	Keys *signing.Keys
	// RecordsLogSize returns how many leaves Trillian's records log has.
	RecordsLogSize func(context.Context) (uint64, error)
	// UploadTimeout is how long a record may wait without anything of its
	// content coming before it is rejected.
	UploadTimeout time.Duration
	// MaxClockSkew is how far ahead of this process's clock the time of a record
	// may be; zero: any time is taken.
	MaxClockSkew time.Duration
	// MaxQueue is how many records that entered their logs may be unpublished
	// before more are refused with [registry.ErrOverloaded]; zero: any number.
	MaxQueue int
	// Waiting bounds what waits beside the logs.
	Waiting WaitingLimits
	// Accepted is told that there is something to sequence; nil for nobody.
	Accepted func()

	Now    func() time.Time
	Logger *slog.Logger
}

// WaitingLimits bound what waits beside the logs: records, and bytes of their
// envelopes. Zero is no limit.
type WaitingLimits struct {
	Records, Bytes             int64 // in all
	LogRecords, LogBytes       int64 // beside one log
	SignerRecords, SignerBytes int64 // signed by one key
}

// Admission accepts records and content. Safe for concurrent use.
type Admission struct {
	options      Options
	recordPolicy atomic.Pointer[RecordPolicy]
	operator     operatorCache
	totals       totals
	group        groupcommit.Group[*task]
	decoded      *lru.Cache[protocol.Hash, *protocol.SignedPackageRecord] // small ones that wait; used by commits only
	arrived      chan struct{}                                            // content came that others wait for, too
	heavy        *heavyTurns
}

// decodedRecords is how many decoded records are remembered, of at most
// maxDecoded bytes each: a chain of records that wait is validated once more for
// each that is posted behind it.
const (
	decodedRecords = 1024
	maxDecoded     = 4 << 10
)

// New returns an admission.
func New(o Options) *Admission {
	if o.Accepted == nil {
		o.Accepted = func() {}
	}
	if o.ClientOf == nil {
		o.ClientOf = func(context.Context) string { return "" }
	}
	a := &Admission{options: o, arrived: make(chan struct{}, 1), heavy: newHeavyTurns()}
	a.group.Commit = a.commit
	a.group.Size = func(t *task) (int, int) { return 1, t.bytes() }
	a.group.MaxItems, a.group.MaxBytes = maxBatchTasks, maxBatchBytes
	var err error
	if a.decoded, err = lru.New[protocol.Hash, *protocol.SignedPackageRecord](decodedRecords); err != nil {
		panic(err) // the size is not positive
	}
	return a
}

// clientOf says for whom a request is that is about a record of a key.
func (a *Admission) clientOf(ctx context.Context, signer protocol.KeyID) string {
	return cmp.Or(a.options.ClientOf(ctx), string(signer))
}

// SetRecordPolicy replaces the policy that new records must satisfy; nil allows
// all.
func (a *Admission) SetRecordPolicy(p RecordPolicy) {
	if p == nil {
		a.recordPolicy.Store(nil)
		return
	}
	a.recordPolicy.Store(&p)
}

// Ready returns why nothing can be accepted; nil where all is well.
func (a *Admission) Ready(ctx context.Context) error {
	if _, err := a.options.Contents.Has(ctx, protocol.Hash{}); err != nil { // only whether it can be asked
		return fmt.Errorf("the content store does not answer: %w", err)
	}
	return nil
}
