package protocol

import (
	"math"
	"slices"
)

// OperatorRecord is what an operator of the registry publishes in one step in
// the operator log.
type OperatorRecord struct {
	Prev    AnyHash // id of the record before it in the log; empty in the first
	Version uint32  // of the protocol: RecordVersion
	Time    Time    // as claimed by the operator
	Entries []OperatorEntry
}

// OperatorEntry is one entry of an operator record. Type says which of the
// fields have a meaning:
//
//   - EntryInit: Key
//   - EntryGrantFlat: Key, Permissions
//   - EntryRevokeFlat: KeyID, Permissions
//   - EntryDefineNamespace: Namespace
//   - EntryImportNamespace: Namespace, Registry
//
// The hash algorithm of an init is always SHA-256.
type OperatorEntry struct {
	Type        EntryType
	Key         PublicKey
	KeyID       KeyID
	Permissions []OperatorPermission
	Namespace   string // any text; whether it is valid is asked on validation
	Registry    string // whose namespace it is; any text
}

// Needs returns the permissions that the signer of a record with this entry must hold;
// none for an init.
func (e OperatorEntry) Needs() []OperatorPermission {
	switch e.Type {
	case EntryDefineNamespace:
		return []OperatorPermission{PermissionDefineNamespace}
	case EntryImportNamespace:
		return []OperatorPermission{PermissionImportNamespace}
	case EntryGrantFlat, EntryRevokeFlat:
		needed := []OperatorPermission{PermissionCommit}
		for _, p := range e.Permissions { // nobody gives or takes what he does not hold
			if !slices.Contains(needed, p) {
				needed = append(needed, p)
			}
		}
		return needed
	}
	return nil
}

// OperatorPermissionsFor returns the permissions that the signer of a record with these
// entries must hold, each once.
func OperatorPermissionsFor(entries []OperatorEntry) []OperatorPermission {
	var needed []OperatorPermission
	for _, e := range entries {
		for _, p := range e.Needs() {
			if !slices.Contains(needed, p) {
				needed = append(needed, p)
			}
		}
	}
	return needed
}

// Numbers in the oneof of the OperatorEntry message, and the shapes there. An
// init has its fields the other way round than in a package record.
const (
	operatorInit   = 1
	operatorGrant  = 2
	operatorRevoke = 3
	operatorDefine = 4
	operatorImport = 5
)

var operatorShapes = entryShapes{
	operatorInit:   stringSecond,
	operatorGrant:  permissionsSecond,
	operatorRevoke: permissionsSecond,
	operatorDefine: noSecondField,
	operatorImport: stringSecond,
}

// DecodeOperatorRecord decodes the protobuf message OperatorRecord. It accepts
// exactly what warg-protocol accepts. The record does not alias content.
func DecodeOperatorRecord(content []byte) (*OperatorRecord, error) {
	wire, err := decodeWireRecord(content, &operatorShapes, math.MaxInt)
	if err != nil {
		return nil, err
	}
	r := &OperatorRecord{Version: wire.version}
	if r.Prev, r.Time, err = wire.header(); err != nil {
		return nil, err
	}
	r.Entries = make([]OperatorEntry, len(wire.entries))
	for i := range wire.entries {
		if r.Entries[i], err = operatorEntryOf(&wire.entries[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func operatorEntryOf(w *wireEntry) (e OperatorEntry, err error) {
	switch w.field {
	case operatorInit:
		e.Type = EntryInit
		if err = checkHashAlgorithm(string(w.text1)); err == nil {
			e.Key, err = ParsePublicKey(string(w.text2))
		}
	case operatorGrant:
		e.Type = EntryGrantFlat
		if e.Key, err = ParsePublicKey(string(w.text1)); err == nil {
			e.Permissions, err = permissionsOf(operatorPermissions, w.permissions)
		}
	case operatorRevoke:
		e.Type, e.KeyID = EntryRevokeFlat, KeyID(w.text1)
		e.Permissions, err = permissionsOf(operatorPermissions, w.permissions)
	case operatorDefine:
		e.Type, e.Namespace = EntryDefineNamespace, string(w.text1)
	case operatorImport:
		e.Type, e.Namespace, e.Registry = EntryImportNamespace, string(w.text1), string(w.text2)
	default:
		err = errNoContent
	}
	return e, err
}

// Encode returns the record as a protobuf message, in the one form that the
// reference writes.
func (r *OperatorRecord) Encode() []byte {
	b := appendRecordHeader(nil, r.Prev, r.Version, r.Time)
	for i := range r.Entries {
		switch e := &r.Entries[i]; e.Type {
		case EntryInit:
			b = appendEntry(b, operatorInit, appendText(appendText(nil, 1, hashAlgorithm), 2, e.Key.String()))
		case EntryGrantFlat:
			b = appendEntry(b, operatorGrant,
				appendPermissions(appendText(nil, 1, e.Key.String()), 2, operatorPermissions, e.Permissions))
		case EntryRevokeFlat:
			b = appendEntry(b, operatorRevoke,
				appendPermissions(appendText(nil, 1, string(e.KeyID)), 2, operatorPermissions, e.Permissions))
		case EntryDefineNamespace:
			b = appendEntry(b, operatorDefine, appendText(nil, 1, e.Namespace))
		case EntryImportNamespace:
			b = appendEntry(b, operatorImport, appendText(appendText(nil, 1, e.Namespace), 2, e.Registry))
		}
	}
	return b
}

// Sign encodes the record and signs it.
func (r *OperatorRecord) Sign(key PrivateKey) Envelope {
	return signEnvelope(key, OperatorRecordSignature, r.Encode())
}
