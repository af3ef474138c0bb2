package reader

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// VerifyCheckpoint compares a checkpoint that somebody was given with what this
// registry signed: are its roots those of that length, and does its signature
// hold by a key that may sign here? As in the reference (warg-server,
// api/v1/monitor.rs), a length that was never a checkpoint's is invalid.
//
// Keys are those of the operator log as it is published: what is accepted and in
// no checkpoint yet, nobody outside can know.
func (r *Reader) VerifyCheckpoint(ctx context.Context, c protocol.ReceivedCheckpoint) (checkpoint, signature Verdict, err error) {
	type verdicts struct{ checkpoint, signature Verdict }
	v, err := read(ctx, &r.database, func(tx *store.Tx) (v verdicts, err error) {
		ours, err := tx.Checkpoint(c.LogLength)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return v, err
		}
		roots := ours.Signed.Contents.Checkpoint
		v.checkpoint = verdict(err == nil && c.LogRoot == roots.LogRoot.Any() && c.MapRoot == roots.MapRoot.Any())
		operator, err := publishedOperatorLog(tx)
		if err != nil {
			return v, err
		}
		key, known := operator.PublicKey(c.KeyID)
		v.signature = verdict(known && operator.HasPermission(c.KeyID, protocol.PermissionCommit) && c.Verify(key) == nil)
		return v, nil
	})
	return v.checkpoint, v.signature, err
}

func verdict(ok bool) Verdict {
	if ok {
		return Verified
	}
	return Invalid
}

// publishedOperatorLog is the operator log after its published records. As a
// rule that is all of it, whose state is kept. Else its records, which are few,
// are read again.
func publishedOperatorLog(tx *store.Tx) (*protocol.OperatorLog, error) {
	operator := new(protocol.OperatorLog)
	row, err := tx.Log(protocol.OperatorLogID())
	if errors.Is(err, store.ErrNotFound) {
		return operator, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	if row.Length == 0 {
		return operator, nil
	}
	last, err := tx.RecordAt(row.ID, row.Length-1)
	if err != nil {
		return nil, fmt.Errorf("read the last record of the operator log: %w", err)
	}
	if last.State == store.Published {
		if err := operator.UnmarshalJSON(row.State); err != nil {
			return nil, fmt.Errorf("read the operator log's state: %w", err)
		}
		return operator, nil
	}
	records, _, err := tx.PublishedPage(row.ID, 0, math.MaxInt64, math.MaxInt32, math.MaxInt)
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	for _, record := range records {
		if err := validate(operator, record.Envelope); err != nil {
			return nil, fmt.Errorf("operator record %s: %w", record.RecordID, err)
		}
	}
	return operator, nil
}

func validate(operator *protocol.OperatorLog, encoded []byte) error {
	envelope, err := protocol.UnmarshalEnvelopeProto(encoded)
	if err != nil {
		return err
	}
	record, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		return err
	}
	return operator.Validate(record)
}
