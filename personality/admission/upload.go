package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// UploadContent takes a content that a record names. Every record that waits for
// it gets it. Content that is here already is not read, whatever the record's
// state; content that the policy refuses rejects the record if it waits. Of a
// record that is rejected nothing more is taken, and nothing of a content that the
// operator withholds ([registry.WithheldError]).
func (a *Admission) UploadContent(ctx context.Context, logID, recordID, digest protocol.Hash, body io.Reader) error {
	return registry.DatabaseError(a.uploadContent(ctx, logID, recordID, digest, body))
}

func (a *Admission) uploadContent(ctx context.Context, logID, recordID, digest protocol.Hash, body io.Reader) error {
	target, err := a.uploadTarget(ctx, logID, recordID, digest)
	if err != nil {
		return err
	}
	has, err := a.options.Contents.Has(ctx, digest)
	if err != nil {
		return contentsError(err)
	}
	switch {
	case has:
		return a.contentArrived(ctx, logID, target, digest)
	case target.State == store.Rejected:
		return registry.ErrRecordNotSourcing
	case target.refused != "":
		return a.refuseContent(ctx, logID, target, digest, &content.RejectedError{Reason: target.refused})
	}
	ctx = content.WithClient(ctx, a.clientOf(ctx, target.signer))
	_, err = a.options.Contents.Put(ctx, digest, a.watched(ctx, target, body), a.options.CheckContent)
	var refused *content.RejectedError
	if errors.As(err, &refused) {
		return a.refuseContent(ctx, logID, target, digest, refused)
	}
	if err != nil {
		return uploadError(err)
	}
	return a.contentArrived(ctx, logID, target, digest)
}

// uploadError separates what the client did wrong from what went wrong here.
func uploadError(err error) error {
	var mismatch *content.MismatchError
	if errors.As(err, &mismatch) {
		return &registry.InvalidError{Reason: mismatch.Error()}
	}
	var tooLarge *content.TooLargeError
	if errors.As(err, &tooLarge) {
		return &registry.TooLargeError{Reason: tooLarge.Error()}
	}
	return contentsError(err)
}

// contentsError says that the content store cannot be used, where that is what
// its error means.
func contentsError(err error) error {
	var full *content.NoSpaceError
	if errors.As(err, &full) {
		return &registry.StorageFullError{Part: registry.PartContents, Err: err}
	}
	var unavailable *content.UnavailableError
	switch {
	case !errors.As(err, &unavailable):
		return err
	case unavailable.Full:
		return &registry.StorageFullError{Part: registry.PartContents, Err: err}
	}
	return &registry.UnavailableError{Part: registry.PartContents, Reason: unavailable.Reason(), Err: err}
}

// uploadTarget is a record that content is posted for.
type uploadTarget struct {
	store.Record
	signer  protocol.KeyID
	refused string // why the policy is known to refuse the content; empty: it is not
}

// uploadTarget returns the record if it names the content.
func (a *Admission) uploadTarget(ctx context.Context, logID, recordID, digest protocol.Hash) (uploadTarget, error) {
	var target uploadTarget
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		var err error
		if target.Record, err = registry.FindRecord(tx, logID, recordID); err != nil {
			return err
		}
		target.refused, err = tx.RefusedContent(digest)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return registry.CheckWithheld(tx, digest)
	})
	if err != nil {
		return target, err
	}
	var notNamed error = &registry.InvalidError{Reason: fmt.Sprintf("content digest `%s` is not required for package record `%s`", digest, recordID)}
	if target.State != store.Waiting {
		notNamed = registry.ErrRecordNotSourcing // as the reference server has it
	}
	if logID == protocol.OperatorLogID() {
		return target, notNamed
	}
	envelope, err := protocol.UnmarshalEnvelopeProto(target.Envelope)
	if err != nil {
		return target, err
	}
	target.signer = envelope.KeyID
	record, err := protocol.DecodePackageRecord(envelope.Content)
	if err != nil {
		return target, err
	}
	if !slices.Contains(record.Contents(), digest.Any()) {
		return target, notNamed
	}
	return target, nil
}

// contentArrived completes the record, and has those that wait for the content
// too completed behind it.
func (a *Admission) contentArrived(ctx context.Context, logID protocol.Hash, target uploadTarget, digest protocol.Hash) error {
	others := false
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		waiting, err := tx.WaitingFor(digest, 2)
		others = len(waiting) > 1 || len(waiting) == 1 && waiting[0].Record != target.ID
		return err
	})
	if err != nil {
		return err
	}
	if others {
		err := a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.AddArrived(digest) })
		if err != nil {
			return err
		}
		defer wake.Nudge(a.arrived)
	}
	if target.State != store.Waiting {
		return nil
	}
	return a.do(context.WithoutCancel(ctx), &task{logID: logID, run: func(l *openLog) error { return l.contentArrived(target.ID, digest) }})
}

// refuseContent rejects the record that a refused content was posted for, if it
// waits, and returns the answer to that post. That a content is costly to check is
// remembered for a while, so that nobody checks it again.
func (a *Admission) refuseContent(ctx context.Context, logID protocol.Hash, target uploadTarget, digest protocol.Hash, refused *content.RejectedError) error {
	ctx, reason := context.WithoutCancel(ctx), refused.Reason
	if refused.Costly {
		err := a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.RefuseContent(digest, reason, a.options.Now()) })
		if err != nil {
			return err
		}
	}
	err := a.do(ctx, &task{logID: logID, run: func(l *openLog) error {
		if w := l.findKey(target.ID); w != nil {
			l.reject(w, fmt.Sprintf("content with digest `%s` was rejected by policy: %s", digest, reason))
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return &registry.RejectionError{Reason: reason}
}

// activeShare is how often the store is told that content is coming: so many
// times within the time that a record may wait without.
const activeShare = 10

// watched notes, while body is read, that content of the record is coming.
func (a *Admission) watched(ctx context.Context, target uploadTarget, body io.Reader) io.Reader {
	if target.State != store.Waiting {
		return body
	}
	return &watchedReader{Reader: body, every: a.options.UploadTimeout / activeShare, now: a.options.Now, active: func(at time.Time) error {
		return a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.Active(target.ID, at) })
	}}
}

// watchedReader calls active when it is read, at most once in a time.
type watchedReader struct {
	io.Reader
	every  time.Duration
	now    func() time.Time
	active func(time.Time) error
	last   time.Time
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if now := r.now(); n > 0 && now.Sub(r.last) >= r.every {
		r.last = now
		if activeErr := r.active(now); activeErr != nil && err == nil {
			err = activeErr
		}
	}
	return n, err
}
