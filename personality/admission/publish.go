package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Publish takes a package record: on return without error it is stored durably,
// and from there it is published or rejected, once. It is validated against its
// log as accepted so far, published or not, and the waiting records that it
// follows. A record that was posted before is answered with where it stands now.
func (a *Admission) Publish(ctx context.Context, logID protocol.Hash, name protocol.PackageName, envelope protocol.Envelope) (registry.RecordStatus, error) {
	none := registry.RecordStatus{}
	if want := name.LogID(); want != logID {
		return none, &registry.InvalidError{Reason: fmt.Sprintf("package log identifier `%s` derived from `%s` does not match provided log identifier `%s`", want, name, logID)}
	}
	if err := a.checkQueue(); err != nil {
		return none, err
	}
	if n := len(name.String()); n > policy.MaxName {
		return none, &registry.RejectionError{Reason: fmt.Sprintf("the package name has %d bytes, more than %d", n, policy.MaxName)}
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return none, &registry.InvalidError{Reason: err.Error()}
	}
	if err := a.checkPolicies(ctx, name, record); err != nil {
		return none, err
	}
	s := &submission{name: name, record: record, envelope: envelope.MarshalProto()}
	if s.contents, s.here, err = a.contents(ctx, record.Record); err != nil {
		return none, err
	}
	if err := a.do(ctx, &task{logID: logID, submission: s}); err != nil {
		return none, err
	}
	if s.refusal != nil {
		return none, s.refusal
	}
	return a.arrivedMeanwhile(ctx, logID, s)
}

// arrivedMeanwhile looks again for contents that a record waits for: one may have
// come after it was looked for and before the record was stored, when whoever
// took it did not see the record wait.
func (a *Admission) arrivedMeanwhile(ctx context.Context, logID protocol.Hash, s *submission) (registry.RecordStatus, error) {
	status := s.status
	for _, digest := range status.Missing {
		has, err := a.options.Contents.Has(ctx, digest)
		if err != nil || !has {
			continue // the client uploads it
		}
		err = a.do(ctx, &task{logID: logID, run: func(l *openLog) error {
			w := l.find(func(w *waitingRecord) bool { return w.change.RecordID == s.record.ID })
			if w == nil {
				return nil
			}
			return l.contentArrived(w.change.ID, digest)
		}})
		if err != nil {
			continue
		}
		s.status.Missing = slices.DeleteFunc(slices.Clone(s.status.Missing), func(d protocol.Hash) bool { return d == digest })
	}
	if len(status.Missing) > 0 && len(s.status.Missing) == 0 {
		s.status.State, s.status.Missing = registry.Processing, nil
	}
	return s.status, nil
}

// checkPolicies does what needs no write transaction: the namespace, the record
// policy, and the signature, whose verdict the record remembers. A key that is
// not known here may have been granted by the time that the record is accepted;
// that is for validation to say.
func (a *Admission) checkPolicies(ctx context.Context, name protocol.PackageName, record *protocol.SignedPackageRecord) error {
	log := new(protocol.PackageLog)
	// For a record that begins a log the database need not be asked.
	if record.Record.Prev != "" || !a.operator.defines(name.Namespace()) {
		var err error
		if log, err = a.readPackageLog(ctx, name); err != nil {
			return err
		}
	}
	if p := a.recordPolicy.Load(); p != nil {
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
func (a *Admission) readPackageLog(ctx context.Context, name protocol.PackageName) (*protocol.PackageLog, error) {
	log := new(protocol.PackageLog)
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		if err := a.checkNamespace(tx, name.Namespace()); err != nil {
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

// contents returns the digests that a record names, and those that are here.
func (a *Admission) contents(ctx context.Context, record *protocol.PackageRecord) (all, here []protocol.Hash, err error) {
	for _, text := range record.Contents() {
		digest, err := text.Hash()
		if err != nil {
			return nil, nil, &registry.InvalidError{Reason: err.Error()}
		}
		all = append(all, digest)
		has, err := a.options.Contents.Has(ctx, digest)
		if err != nil {
			return nil, nil, err
		}
		if has {
			here = append(here, digest)
		}
	}
	return all, here, nil
}
