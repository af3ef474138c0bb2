package admission

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PublishOperator takes an operator record that somebody has signed with a key of the
// operator log: on return without error it is stored durably, and will be published. It is
// validated against the log as accepted so far. A record that was posted before is
// answered with where it stands now; one that does not follow the newest is a
// [registry.ConflictPendingPublishError] with that one, published or not.
func (a *Admission) PublishOperator(ctx context.Context, envelope protocol.Envelope) (registry.RecordStatus, error) {
	status, err := a.publishOperator(ctx, envelope)
	return status, registry.DatabaseError(err)
}

func (a *Admission) publishOperator(ctx context.Context, envelope protocol.Envelope) (status registry.RecordStatus, err error) {
	if err := a.checkQueue(); err != nil {
		return status, err
	}
	if err := a.checkOperatorSigner(ctx, envelope); err != nil {
		return status, err
	}
	record, err := policy.OpenOperatorRecord(envelope)
	if err != nil {
		return status, invalidOr(policyError(err))
	}
	entered := false
	err = a.options.Store.Update(ctx, func(tx *store.Tx) (err error) {
		entered = false
		row, log, err := a.loadOperatorLog(tx)
		if err != nil {
			return err
		}
		known, err := tx.Record(row.ID, record.ID)
		if err == nil {
			status, err = registry.StatusOf(tx, known)
			return err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := a.takeOperatorRecord(tx, row, log, record); err != nil {
			return err
		}
		entered, status = true, registry.RecordStatus{RecordID: record.ID, State: registry.Processing}
		return nil
	})
	if entered && err == nil {
		a.totals.queued(1)
		a.options.Accepted()
	}
	return status, err
}

// checkOperatorSigner refuses what is not signed by the key that it names, or not by one
// of the operator log, before anything of it is decoded: it costs whoever has no key of
// the log no more than that.
func (a *Admission) checkOperatorSigner(ctx context.Context, envelope protocol.Envelope) error {
	var key protocol.PublicKey
	known := false
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		log, err := a.operatorLog(tx)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			key, known = log.PublicKey(envelope.KeyID)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !known:
		return unknownKey(envelope.KeyID)
	case len(envelope.Content) <= policy.MaxRecordSize && !key.Verify(protocol.OperatorRecordSignature, envelope.Content, envelope.Signature):
		return errWrongSignature
	}
	return nil
}

// takeOperatorRecord validates a record that is not here yet, and stores it. log is the
// state before it, and is changed.
func (a *Admission) takeOperatorRecord(tx *store.Tx, row store.Log, log *protocol.OperatorLog, record *protocol.SignedOperatorRecord) error {
	if head, _, ok := log.Head(); ok && record.Record.Prev != head.Any() {
		return &registry.ConflictPendingPublishError{RecordID: head}
	}
	before := new(protocol.OperatorLog)
	if err := before.UnmarshalJSON(row.State); err != nil {
		return fmt.Errorf("read the operator log's state: %w", err)
	}
	if err := log.Validate(record); err != nil {
		var broken *protocol.ValidationError
		if errors.As(err, &broken) && (broken.Rule == protocol.UnauthorizedAction || broken.Rule == protocol.KeyIDNotRecognized) {
			return &registry.UnauthorizedError{Reason: err.Error()}
		}
		return &registry.RejectionError{Reason: err.Error()}
	}
	if err := a.admitOperator(before, log, record.Record); err != nil {
		return policyError(err)
	}
	return a.storeOperatorRecord(tx, row, log, record)
}

// admitOperator applies this registry's rules, which are stricter than the protocol's.
func (a *Admission) admitOperator(before, after *protocol.OperatorLog, record *protocol.OperatorRecord) error {
	if err := policy.AdmitOperator(before, record); err != nil {
		return err
	}
	if ahead := a.options.MaxClockSkew; ahead > 0 {
		if err := policy.OperatorNotAhead(a.options.Now(), ahead, before, record); err != nil {
			return err
		}
	}
	if err := policy.KeepsHolders(before, after); err != nil {
		return err
	}
	if _, ok := a.options.Keys.Permitted(after, protocol.PermissionCommit); ok {
		return nil
	}
	if _, ok := a.options.Keys.Permitted(before, protocol.PermissionCommit); !ok {
		return nil // others sign here
	}
	return &policy.RejectionError{Reason: fmt.Sprintf("the registry could not sign checkpoints any more: the key that it has, %s, would not hold commit; give each of its processes another key that does (--operator-key-file) first", joinIDs(a.options.Keys.IDs()))}
}
