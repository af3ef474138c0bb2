package policy

import (
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// OpenOperatorRecord decodes a posted operator record whose signature was verified, once
// its size was found to be allowed. The error is a [RejectionError] if it is too large,
// else that of [protocol.ParseOperatorEnvelope]: it is no record.
func OpenOperatorRecord(envelope protocol.Envelope) (*protocol.SignedOperatorRecord, error) {
	if err := checkSize(len(envelope.Content)); err != nil {
		return nil, err
	}
	record, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	return record, checkEntryCount(len(record.Record.Entries))
}

// AdmitOperator refuses operator records that are valid and must not be in the log,
// which nobody can take back: those without entries, grants and revocations of nothing,
// namespaces that are longer than a package name can be, imports from what is no host,
// and times that are not between 1970 and 9999. log is the state before the record. The
// error is a [RejectionError].
func AdmitOperator(log *protocol.OperatorLog, record *protocol.OperatorRecord) error {
	if len(record.Entries) == 0 {
		return rejection("the record has no entries")
	}
	if s := record.Time.Seconds; s < 0 || s > lastSecond {
		return rejectYear()
	}
	added := map[protocol.KeyID]bool{}
	for i := range record.Entries {
		e := &record.Entries[i]
		switch e.Type {
		case protocol.EntryGrantFlat, protocol.EntryRevokeFlat:
			if len(e.Permissions) == 0 {
				return rejection("an entry grants or revokes no permission")
			}
			if id := e.Key.ID(); e.Type == protocol.EntryGrantFlat {
				if _, known := log.PublicKey(id); !known {
					added[id] = true
				}
			}
		case protocol.EntryDefineNamespace, protocol.EntryImportNamespace:
			if n := len(e.Namespace); n > maxNamespace {
				return rejection("the namespace has %d bytes, more than %d", n, maxNamespace)
			}
			if e.Type == protocol.EntryDefineNamespace {
				continue
			}
			if err := protocol.CheckRegistryHost(e.Registry); err != nil {
				return rejection("the registry of namespace `%.80s` can not be imported from: %v", e.Namespace, err)
			}
		}
	}
	if n := log.KeyCount() + len(added); len(added) > 0 && n > MaxKeys {
		return rejection("the operator log would have %d keys, more than %d; no key is ever forgotten, not even one without permissions", n, MaxKeys)
	}
	return nil
}

// maxNamespace leaves room for a colon and a name of one letter in [MaxName].
const maxNamespace = MaxName - 2

// OperatorNotAhead refuses an operator record that is dated more than tolerance after
// now, as [NotAhead] does a package record.
func OperatorNotAhead(now time.Time, tolerance time.Duration, log *protocol.OperatorLog, record *protocol.OperatorRecord) error {
	_, head, begun := log.Head()
	return notAhead(now, tolerance, head, begun, record.Time)
}

// KeepsHolders refuses a record after which a permission that some keys held is held by
// none, before and after being the state of the log: nobody could ever grant it again.
func KeepsHolders(before, after *protocol.OperatorLog) error {
	for _, p := range []protocol.OperatorPermission{protocol.PermissionCommit, protocol.PermissionDefineNamespace, protocol.PermissionImportNamespace} {
		if len(before.Holders(p)) > 0 && len(after.Holders(p)) == 0 {
			return rejection("no key would hold %s any more, and none could ever be granted it again: grant it to another key first", p)
		}
	}
	return nil
}
