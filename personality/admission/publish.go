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

// Publish accepts a package record: on return without error it is stored
// durably, and from there it is published or rejected, once. It is validated
// against its log as accepted so far, published or not. A record that was
// accepted before is answered with where it stands now.
func (r *Admission) Publish(ctx context.Context, logID protocol.Hash, name protocol.PackageName, envelope protocol.Envelope) (registry.RecordStatus, error) {
	if want := name.LogID(); want != logID {
		return registry.RecordStatus{}, &registry.InvalidError{Reason: fmt.Sprintf("package log identifier `%s` derived from `%s` does not match provided log identifier `%s`", want, name, logID)}
	}
	if err := r.admit(); err != nil {
		return registry.RecordStatus{}, err
	}
	if n := len(name.String()); n > policy.MaxName {
		return registry.RecordStatus{}, &registry.RejectionError{Reason: fmt.Sprintf("the package name has %d bytes, more than %d", n, policy.MaxName)}
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return registry.RecordStatus{}, &registry.InvalidError{Reason: err.Error()}
	}
	if err := r.checkPolicies(ctx, name, record); err != nil {
		return registry.RecordStatus{}, err
	}
	missing, err := r.missingContent(ctx, record.Record)
	if err != nil {
		return registry.RecordStatus{}, err
	}
	var status registry.RecordStatus
	var refusal error
	err = r.Store.UpdateLogGrouped(ctx, logID, func(tx *store.Tx) error {
		var err error
		status, refusal, err = r.accept(tx, logID, name, record, missing)
		return err
	})
	if err == nil && refusal == nil && status.State == registry.Processing {
		r.queue.add(1)
		r.Accepted()
	}
	return status, errors.Join(err, refusal)
}

// checkPolicies does what needs no write transaction: the namespace, the record
// policy, and the signature, whose verdict the record remembers. A key that is
// not known here may have been granted by the time that the record is accepted;
// that is for validation to say.
func (r *Admission) checkPolicies(ctx context.Context, name protocol.PackageName, record *protocol.SignedPackageRecord) error {
	log := new(protocol.PackageLog)
	// For a record that begins a log the database need not be asked.
	if record.Record.Prev != "" || !r.operator.defines(name.Namespace()) {
		var err error
		if log, err = r.readPackageLog(ctx, name); err != nil {
			return err
		}
	}
	if p := r.recordPolicy.Load(); p != nil {
		if err := (*p).Check(name, record.Envelope.KeyID, record.Record); err != nil {
			return policyError(err)
		}
	}
	key, known := signingKey(log, record)
	if known && record.VerifySignature(key) != nil && key.ID() == record.Envelope.KeyID {
		return errWrongSignature
	}
	return nil
}

// readPackageLog returns the state of a package's log as accepted so far, if the
// package's namespace is this registry's.
func (r *Admission) readPackageLog(ctx context.Context, name protocol.PackageName) (*protocol.PackageLog, error) {
	log := new(protocol.PackageLog)
	err := r.Store.View(ctx, func(tx *store.Tx) error {
		if err := r.checkNamespace(tx, name.Namespace()); err != nil {
			return err
		}
		row, err := tx.Log(name.LogID())
		if errors.Is(err, store.ErrNotFound) || err == nil && row.Length == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		log = new(protocol.PackageLog)
		return log.UnmarshalState(row.State)
	})
	return log, err
}

// signingKey finds the key whose signature a record must have: the one that it
// names, if its log knows it, else that of the init that it begins with. That is
// the reference server's rule (verify_package_record_signature); validation has
// the last word on whether the key may do this.
func signingKey(log *protocol.PackageLog, record *protocol.SignedPackageRecord) (protocol.PublicKey, bool) {
	if key, ok := log.PublicKey(record.Envelope.KeyID); ok {
		return key, true
	}
	if entries := record.Record.Entries; len(entries) > 0 && entries[0].Type == protocol.EntryInit {
		return entries[0].Key, true
	}
	return protocol.PublicKey{}, false
}

// missingContent returns the digests of a record's contents that are not here.
func (r *Admission) missingContent(ctx context.Context, record *protocol.PackageRecord) ([]protocol.Hash, error) {
	var missing []protocol.Hash
	for _, text := range record.Contents() {
		digest, err := text.Hash()
		if err != nil {
			return nil, &registry.InvalidError{Reason: err.Error()}
		}
		switch has, err := r.Contents.Has(ctx, digest); {
		case err != nil:
			return nil, err
		case !has:
			missing = append(missing, digest)
		}
	}
	return missing, nil
}

// policyError turns a verdict of package policy into an error of this package.
func policyError(err error) error {
	var unauthorized *policy.UnauthorizedError
	if errors.As(err, &unauthorized) {
		return &registry.UnauthorizedError{Reason: unauthorized.Error()}
	}
	var rejection *policy.RejectionError
	if errors.As(err, &rejection) {
		return &registry.RejectionError{Reason: rejection.Error()}
	}
	return err
}
