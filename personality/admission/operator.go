package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Namespaces are the namespaces that the operator's configuration names.
type Namespaces struct {
	Defined  []string
	Imported []ImportedNamespace
}

// ImportedNamespace is a namespace whose packages another registry keeps.
type ImportedNamespace struct{ Namespace, Registry string }

// operatorCache holds the operator log as accepted, so that a publish need not
// parse it again.
type operatorCache struct {
	mu     sync.Mutex
	length uint64                // guarded by mu
	log    *protocol.OperatorLog // guarded by mu; the log itself is not changed once it is here
}

// defines tells whether the log is known to define a namespace as this
// registry's. If so it will for ever: no record takes a namespace back.
func (c *operatorCache) defines(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log == nil {
		return false
	}
	definition, ok := c.log.Namespace(namespace)
	return ok && !definition.Imported
}

// operatorLog returns the operator log as accepted so far. The caller must not
// change it.
func (a *Admission) operatorLog(tx *store.Tx) (*protocol.OperatorLog, error) {
	row, err := tx.Log(protocol.OperatorLogID())
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	c := &a.operator
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log != nil && c.length == row.Length {
		return c.log, nil
	}
	log := new(protocol.OperatorLog)
	if err := log.UnmarshalJSON(row.State); err != nil {
		return nil, fmt.Errorf("read the operator log's state: %w", err)
	}
	c.log, c.length = log, row.Length
	return log, nil
}

// CheckpointSigners returns the ids of the keys that may sign checkpoints by the operator log
// as accepted so far, the newest last.
func (a *Admission) CheckpointSigners(ctx context.Context) (permitted []protocol.KeyID, err error) {
	err = a.options.Store.View(ctx, func(tx *store.Tx) error {
		log, err := a.operatorLog(tx)
		if err == nil {
			permitted = log.CheckpointSigners()
		}
		return err
	})
	return permitted, registry.DatabaseError(err)
}

// checkNamespace refuses a namespace that the operator log does not define, or
// that belongs to another registry.
func (a *Admission) checkNamespace(tx *store.Tx, namespace string) error {
	log, err := a.operatorLog(tx)
	if err != nil {
		return err
	}
	switch definition, ok := log.Namespace(namespace); {
	case !ok:
		return &registry.NamespaceNotDefinedError{Namespace: namespace}
	case definition.Imported:
		return &registry.NamespaceImportedError{Namespace: namespace}
	}
	return nil
}

// InitOperatorLog makes sure that the operator log exists, that a key of this
// process may sign checkpoints, and that the given namespaces are defined: at the
// first start with the log's first record, later with a record more. Records
// that are made here are accepted; [Admission.Run] publishes them.
//
// It refuses to begin a log where Trillian has one: then the database is lost,
// not new.
func (a *Admission) InitOperatorLog(ctx context.Context, want Namespaces) error {
	size, err := a.options.RecordsLogSize(ctx)
	if err != nil {
		return err
	}
	return a.options.Store.Update(ctx, func(tx *store.Tx) error {
		row, log, err := a.loadOperatorLog(tx)
		if err != nil {
			return err
		}
		var entries []protocol.OperatorEntry
		if row.Length == 0 && size > 0 {
			return fmt.Errorf("Trillian's log has %d records and the registry's database is empty: run `warg-personality rebuild`", size)
		}
		if row.Length == 0 {
			entries = append(entries, protocol.OperatorEntry{Type: protocol.EntryInit, Key: a.options.Keys.Held()[0].Public()})
		} else if _, ok := a.options.Keys.Permitted(log, protocol.PermissionCommit); !ok {
			return notTheOperatorsKey(a.options.Keys.IDs())
		}
		entries, err = addNamespaces(entries, log, want)
		if err != nil || len(entries) == 0 {
			return err
		}
		return a.acceptOperatorRecord(tx, row, log, entries)
	})
}

func notTheOperatorsKey(ids []protocol.KeyID) error {
	return fmt.Errorf("operator key %s may not sign checkpoints of the registry in this database: use the key that it was made with, or one that `warg-personality operator key grant` gave commit", joinIDs(ids))
}

func joinIDs(ids []protocol.KeyID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}

func (a *Admission) loadOperatorLog(tx *store.Tx) (store.Log, *protocol.OperatorLog, error) {
	log := new(protocol.OperatorLog)
	row, err := tx.Log(protocol.OperatorLogID())
	if errors.Is(err, store.ErrNotFound) {
		return store.Log{LogID: protocol.OperatorLogID()}, log, nil
	}
	if err == nil {
		err = log.UnmarshalJSON(row.State)
	}
	if err != nil {
		return row, nil, fmt.Errorf("read the operator log: %w", err)
	}
	return row, log, nil
}

// addNamespaces appends an entry for each namespace that the log does not have
// yet. A namespace once defined cannot change hands.
func addNamespaces(entries []protocol.OperatorEntry, log *protocol.OperatorLog, want Namespaces) ([]protocol.OperatorEntry, error) {
	for _, namespace := range want.Defined {
		switch definition, ok := log.Namespace(namespace); {
		case !ok:
			entries = append(entries, protocol.OperatorEntry{Type: protocol.EntryDefineNamespace, Namespace: namespace})
		case definition.Imported:
			return nil, fmt.Errorf("namespace %q is imported from %s in the operator log and cannot be defined here", namespace, definition.Registry)
		}
	}
	for _, n := range want.Imported {
		switch definition, ok := log.Namespace(n.Namespace); {
		case !ok:
			entries = append(entries, protocol.OperatorEntry{Type: protocol.EntryImportNamespace, Namespace: n.Namespace, Registry: n.Registry})
		case !definition.Imported:
			return nil, fmt.Errorf("namespace %q is defined by this registry and cannot be imported", n.Namespace)
		case definition.Registry != n.Registry:
			return nil, fmt.Errorf("namespace %q is imported from %s in the operator log, which cannot be changed to %s", n.Namespace, definition.Registry, n.Registry)
		}
	}
	return entries, nil
}

func (a *Admission) acceptOperatorRecord(tx *store.Tx, row store.Log, log *protocol.OperatorLog, entries []protocol.OperatorEntry) error {
	record := &protocol.OperatorRecord{Time: protocol.TimeOf(a.options.Now()), Entries: entries}
	if head, at, ok := log.Head(); ok {
		record.Prev = head.Any()
		if record.Time.Compare(at) < 0 {
			record.Time = at // a clock that stepped back
		}
	}
	signer := a.options.Keys.Held()[0]
	if entries[0].Type != protocol.EntryInit {
		needed := protocol.OperatorPermissionsFor(entries)
		var ok bool
		if signer, ok = a.options.Keys.Permitted(log, needed...); !ok {
			return fmt.Errorf("make an operator record: no key of this process has the permissions that it needs, %v: %s", needed, joinIDs(a.options.Keys.IDs()))
		}
	}
	envelope, err := record.SignWith(signer)
	if err != nil {
		return fmt.Errorf("make an operator record: %w", err)
	}
	signed, err := protocol.ParseOperatorEnvelope(envelope)
	if err == nil {
		err = a.insertOperatorRecord(tx, row, log, signed)
	}
	if err != nil {
		return fmt.Errorf("make an operator record: %w", err)
	}
	return nil
}

// insertOperatorRecord validates an operator record against its log and stores
// it.
func (a *Admission) insertOperatorRecord(tx *store.Tx, row store.Log, log *protocol.OperatorLog, record *protocol.SignedOperatorRecord) error {
	if err := log.Validate(record); err != nil {
		return err
	}
	return a.storeOperatorRecord(tx, row, log, record)
}

// storeOperatorRecord stores a record that was validated; log is the state with it.
func (a *Admission) storeOperatorRecord(tx *store.Tx, row store.Log, log *protocol.OperatorLog, record *protocol.SignedOperatorRecord) error {
	state, err := log.MarshalJSON() // with its namespaces: there are few
	if err != nil {
		return err
	}
	newest := store.RecordRef{State: store.Published}
	if row.Length > 0 {
		refs, err := tx.RecordsAt([]store.Place{{Log: row.ID, Position: row.Length - 1}})
		if err != nil {
			return err
		}
		newest = refs[0]
	}
	change := &store.RecordChange{
		Log: &row, RecordID: record.ID, State: store.Processing, Position: row.Length, Ready: newest.State == store.Published,
		At: a.options.Now(), Envelope: record.Envelope.MarshalProto(),
	}
	row.Length++
	row.State = state
	return tx.Apply(&store.Changes{Logs: []*store.Log{&row}, Records: []*store.RecordChange{change}})
}
