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
	status, err := a.publish(ctx, logID, name, envelope, nil)
	return status, registry.DatabaseError(err)
}

func (a *Admission) publish(ctx context.Context, logID protocol.Hash, name protocol.PackageName, envelope protocol.Envelope, sources registry.SourceURLs) (registry.RecordStatus, error) {
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
	unverified, err := a.open(ctx, name, envelope)
	if err != nil {
		return none, err
	}
	s := &submission{name: name, client: a.clientOf(ctx, envelope.KeyID), envelope: envelope.MarshalProto(), inTurn: unverified.Size() >= heavyRecord}
	if s.inTurn {
		leave, err := a.heavy.enter(ctx, s.client)
		if err != nil {
			return none, err
		}
		defer leave()
	}
	if s.record, err = a.decode(name, unverified); err != nil {
		return none, err
	}
	if s.contents, s.here, err = a.contents(ctx, s.record.Record); err != nil {
		return none, err
	}
	if err := onlyOf(s.contents, sources); err != nil {
		return none, err
	}
	if len(s.here) < len(s.contents) {
		if err := a.makeRoom(ctx, s); err != nil {
			return none, err
		}
	}
	if err := a.submit(ctx, logID, s); err != nil {
		return none, err
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

// open does what is cheap and needs no write transaction: it checks the size of a
// posted record, its namespace, and whether it is signed by whom it says.
func (a *Admission) open(ctx context.Context, name protocol.PackageName, envelope protocol.Envelope) (*protocol.UnverifiedPackageRecord, error) {
	unverified, err := policy.OpenRecord(envelope)
	if err != nil {
		return nil, invalidOr(policyError(err))
	}
	return unverified, a.checkSigner(ctx, name, unverified)
}

// decode decodes the whole of a record, and asks the record policy.
func (a *Admission) decode(name protocol.PackageName, unverified *protocol.UnverifiedPackageRecord) (*protocol.SignedPackageRecord, error) {
	record, err := unverified.Decode()
	if err != nil {
		return nil, &registry.InvalidError{Reason: err.Error()}
	}
	if p := a.recordPolicy.Load(); p != nil {
		if err := (*p).Check(name, unverified.KeyID(), record.Record); err != nil {
			return nil, policyError(err)
		}
	}
	return record, nil
}

// invalidOr makes an error that says what is wrong with a record one of package
// registry, unless it is one.
func invalidOr(err error) error {
	var rejection *registry.RejectionError
	if errors.As(err, &rejection) {
		return err
	}
	return &registry.InvalidError{Reason: err.Error()}
}

// checkSigner refuses a record in a namespace that is not this registry's, and
// one that is not signed by the key that it names, whose verdict the record
// remembers. A key that the log does not know may be granted by a record that
// waits; that is for validation to say.
func (a *Admission) checkSigner(ctx context.Context, name protocol.PackageName, record *protocol.UnverifiedPackageRecord) error {
	init, begins := record.InitKey()
	var row store.Log
	// For a record that begins a log the database need not be asked.
	if record.Prev() != "" || !begins || init.ID() != record.KeyID() || !a.operator.defines(name.Namespace()) {
		var err error
		if row, err = a.readLog(ctx, name); err != nil {
			return err
		}
	}
	key, known, err := protocol.StateKey(row.State, record.KeyID())
	if err != nil {
		return fmt.Errorf("read the state of log %s: %w", row.LogID, err)
	}
	if !known {
		key, known = init, begins
	}
	switch {
	case known && record.VerifySignature(key) != nil:
		return errWrongSignature
	case !known && row.Waiting == 0:
		return unknownKey(record.KeyID())
	}
	return nil
}

// readLog returns a package's log, or none, if the package's namespace is this
// registry's.
func (a *Admission) readLog(ctx context.Context, name protocol.PackageName) (store.Log, error) {
	var row store.Log
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		if err := a.checkNamespace(tx, name.Namespace()); err != nil {
			return err
		}
		var err error
		if row, err = tx.Log(name.LogID()); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return row, err
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
		has, err := a.options.Contents.Hold(ctx, digest)
		if err != nil {
			return nil, nil, contentsError(err)
		}
		if has {
			here = append(here, digest)
		}
	}
	return all, here, nil
}
