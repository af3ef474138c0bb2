package protocol

import "errors"

// RecordVersion is the only version of the protocol, of package and operator
// records alike.
const RecordVersion uint32 = 0

// EntryType says what an entry of a record does.
type EntryType uint8

// The types of entries. The first three are in both kinds of log.
const (
	EntryInit            EntryType = iota + 1 // begins a log; its first entry and no other
	EntryGrantFlat                            // gives permissions to a key
	EntryRevokeFlat                           // takes permissions from a key
	EntryRelease                              // package: releases a version
	EntryYank                                 // package: withdraws a released version
	EntryDefineNamespace                      // operator: a namespace for this registry's packages
	EntryImportNamespace                      // operator: a namespace of another registry
)

// String returns the entry's name in the protobuf messages.
func (t EntryType) String() string {
	switch t {
	case EntryInit:
		return "init"
	case EntryGrantFlat:
		return "grant_flat"
	case EntryRevokeFlat:
		return "revoke_flat"
	case EntryRelease:
		return "release"
	case EntryYank:
		return "yank"
	case EntryDefineNamespace:
		return "define_namespace"
	case EntryImportNamespace:
		return "import_namespace"
	}
	return "unknown"
}

var errNoContent = errors.New("no content in entry")
