package protocol

import (
	"iter"
	"slices"
)

// OperatorLog is the state of the operator log after the records validated so
// far. The zero value is the empty log. It must not be copied after first use,
// and is not safe for concurrent use.
type OperatorLog struct {
	keyring[OperatorPermission]
	namespaces ordered[string, Namespace]
}

// Namespace is a namespace that the operator log defines. Definitions are never
// changed.
type Namespace struct {
	Name string
	// Imported tells a namespace of another registry from one of this registry.
	Imported bool
	Registry string // whose it is, if imported
}

// Validate checks the next record of the log and takes it into the state. On
// error, which is a [*ValidationError], the state is unchanged. The order of the
// checks is that of [PackageLog.Validate] (warg-protocol, operator/state.rs).
func (l *OperatorLog) Validate(r *SignedOperatorRecord) error {
	if err := l.checkHeader(r.Record.Prev, r.Record.Version, r.Record.Time); err != nil {
		return err
	}
	l.namespaces.begin()
	err := l.attempt(func() *ValidationError { return l.apply(r) })
	if err != nil {
		l.namespaces.rollback()
		return err
	}
	l.setHead(r.ID, r.Record.Time)
	return nil
}

func (l *OperatorLog) apply(r *SignedOperatorRecord) *ValidationError {
	signer := r.Envelope.KeyID
	for i := range r.Record.Entries {
		if err := l.applyEntry(signer, &r.Record.Entries[i]); err != nil {
			return err
		}
	}
	key, err := l.signer(signer, "operator")
	if err != nil {
		return err
	}
	if err := r.VerifySignature(key); err != nil {
		return broken(SignatureError, "unable to verify signature: %s", err)
	}
	return nil
}

// applyEntry has no check for a missing init: everything but an init needs a
// permission, which nobody has before it.
func (l *OperatorLog) applyEntry(signer KeyID, e *OperatorEntry) *ValidationError {
	switch e.Type {
	case EntryInit:
		if l.initialized {
			return broken(InitialEntryAfterBeginning, `a second "init" entry was found`)
		}
		// The reference does not ask whether the signer holds this key; the
		// record then fails for want of a known signer unless it also grants
		// something to it.
		l.init(signer, e.Key, e.Key.ID(), operatorPermissions)
		return nil
	case EntryDefineNamespace:
		return l.define(signer, PermissionDefineNamespace, Namespace{Name: e.Namespace})
	case EntryImportNamespace:
		return l.define(signer, PermissionImportNamespace,
			Namespace{Name: e.Namespace, Imported: true, Registry: e.Registry})
	}
	if err := l.checkPermissions(signer, PermissionCommit); err != nil {
		return err
	}
	if e.Type == EntryGrantFlat {
		return l.grant(signer, e.Key, e.Permissions)
	}
	return l.revoke(signer, e.KeyID, e.Permissions)
}

func (l *OperatorLog) define(signer KeyID, needed OperatorPermission, ns Namespace) *ValidationError {
	if err := l.checkPermissions(signer, needed); err != nil {
		return err
	}
	if !ValidNamespace(ns.Name) {
		return broken(InvalidNamespace,
			"the namespace `%s` is invalid; namespace must be a lowercased kebab case string", ns.Name)
	}
	if l.namespaces.find(ns.Name) >= 0 {
		return broken(NamespaceAlreadyDefined,
			"the namespace `%s` is already defined and cannot be redefined", ns.Name)
	}
	l.namespaces.set(ns.Name, ns)
	return nil
}

// Namespaces returns all namespaces in the order of the log.
func (l *OperatorLog) Namespaces() iter.Seq[Namespace] {
	return func(yield func(Namespace) bool) {
		for _, ns := range l.namespaces.all() {
			if !yield(ns) {
				return
			}
		}
	}
}

// Namespace returns the definition of a namespace.
func (l *OperatorLog) Namespace(name string) (Namespace, bool) {
	return l.namespaces.get(name)
}

// CheckpointSigners returns the ids of the keys that may sign checkpoints, those
// that hold commit, in the order in which the log came to know them.
func (l *OperatorLog) CheckpointSigners() []KeyID { return l.Holders(PermissionCommit) }

// Holders returns the ids of the keys that hold all of some permissions, in the order in
// which the log came to know them.
func (l *OperatorLog) Holders(needed ...OperatorPermission) []KeyID {
	var holders []KeyID
	for id, held := range l.permissions.all() {
		if !slices.ContainsFunc(needed, func(p OperatorPermission) bool { return !held.has(p) }) {
			holders = append(holders, id)
		}
	}
	return holders
}
