package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// UploadContent takes content that a record waits for. Every record that waits
// for it gets it. Content that the policy refuses rejects the record.
func (r *Admission) UploadContent(ctx context.Context, logID, recordID, digest protocol.Hash, body io.Reader) error {
	if err := r.checkUpload(ctx, logID, recordID, digest); err != nil {
		return err
	}
	_, err := r.Contents.Put(ctx, digest, body, r.CheckContent)
	var refused *content.RejectedError
	if errors.As(err, &refused) {
		return r.refuseContent(ctx, logID, recordID, digest, refused.Reason)
	}
	if err != nil {
		return uploadError(err)
	}
	return r.contentArrived(ctx, digest)
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
	return err
}

func (r *Admission) checkUpload(ctx context.Context, logID, recordID, digest protocol.Hash) error {
	return r.Store.View(ctx, func(tx *store.Tx) error {
		record, err := registry.FindRecord(tx, logID, recordID)
		if err != nil {
			return err
		}
		if record.State != store.Sourcing {
			return registry.ErrRecordNotSourcing
		}
		missing, err := tx.Missing(record.ID)
		if err != nil {
			return err
		}
		for _, d := range missing {
			if d == digest {
				return nil
			}
		}
		return &registry.InvalidError{Reason: fmt.Sprintf("content digest `%s` is not required for package record `%s`", digest, recordID)}
	})
}

// contentArrived completes the records that waited for nothing else.
func (r *Admission) contentArrived(ctx context.Context, digest protocol.Hash) error {
	defer r.Accepted()
	return r.Store.UpdateGrouped(ctx, func(tx *store.Tx) error {
		waiting, err := tx.WaitingFor(digest)
		if err != nil {
			return err
		}
		for _, record := range waiting {
			if err := contentArrivedFor(tx, record, digest); err != nil {
				return err
			}
		}
		return nil
	})
}

// contentArrivedFor completes a record if it waits for no other content. Two
// contents of one record may arrive at the same time at two processes, and it
// may be rejected meanwhile: so the log is locked before anything is concluded
// about it.
func contentArrivedFor(tx *store.Tx, record store.Record, digest protocol.Hash) error {
	record, err := lockRecord(tx, record)
	if err != nil || record.State != store.Sourcing {
		return err
	}
	if err := tx.ContentArrived(record.ID, digest); err != nil {
		return err
	}
	missing, err := tx.Missing(record.ID)
	if err != nil || len(missing) > 0 {
		return err
	}
	record.State = store.Processing
	if err := tx.SetState(record.ID, record.State); err != nil {
		return err
	}
	return markIfReady(tx, record)
}

// lockRecord locks the log of a record, so that no other transaction changes
// it, and reads the record again.
func lockRecord(tx *store.Tx, record store.Record) (store.Record, error) {
	if _, err := tx.LogByID(record.Log); err != nil {
		return record, err
	}
	return tx.RecordByID(record.ID)
}

// refuseContent rejects the record that a refused content was posted for, and
// returns the answer to that post.
func (r *Admission) refuseContent(ctx context.Context, logID, recordID, digest protocol.Hash, reason string) error {
	err := r.Store.Update(ctx, func(tx *store.Tx) error {
		record, err := registry.FindRecord(tx, logID, recordID)
		if err != nil || record.State != store.Sourcing {
			return err
		}
		return reject(tx, record, fmt.Sprintf("content with digest `%s` was rejected by policy: %s", digest, reason))
	})
	if err != nil {
		return err
	}
	return &registry.RejectionError{Reason: reason}
}

// reject ends an incomplete record and every record accepted behind it in its
// log, and takes the log's accepted state back to before it. None of them can
// have been sequenced. The record was read under the lock of its log.
func reject(tx *store.Tx, record store.Record, reason string) error {
	row, err := tx.LogByID(record.Log)
	if err != nil {
		return err
	}
	position := *record.Position
	behind, err := tx.RecordsFrom(record.Log, position)
	if err != nil {
		return err
	}
	for i, b := range behind {
		why := reason
		if i > 0 {
			why = fmt.Sprintf("record `%s` before it was rejected: %s", record.RecordID, reason)
		}
		if err := tx.RejectRecord(b.ID, why); err != nil {
			return err
		}
		if err := tx.ForgetMissing(b.ID); err != nil {
			return err
		}
	}
	if err := tx.UndoReleases(record.Log, position); err != nil {
		return err
	}
	row.Length, row.State = position, record.StateBefore
	if row.State == nil {
		row.State = []byte{}
	}
	return tx.UpdateLog(row)
}

// expireUploads rejects records whose content did not come in time.
func (r *Admission) expireUploads(ctx context.Context) (time.Duration, error) {
	const batch = 100
	return expireEach, r.Store.Update(ctx, func(tx *store.Tx) error {
		late, err := tx.SourcingSince(r.Now().Add(-r.UploadTimeout), batch)
		if err != nil {
			return err
		}
		for _, record := range late {
			// One rejected with another before it is not rejected again, nor
			// one whose content came in the last moment.
			record, err := lockRecord(tx, record)
			if err != nil {
				return err
			}
			if record.State != store.Sourcing {
				continue
			}
			if err := reject(tx, record, fmt.Sprintf("its content was not uploaded within %v", r.UploadTimeout.Round(time.Second))); err != nil {
				return err
			}
		}
		return nil
	})
}
