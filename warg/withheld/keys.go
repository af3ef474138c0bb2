package withheld

import (
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Keys gives the keys whose statements count. [OperatorKeys] are those of an operator log.
type Keys func(protocol.KeyID) (protocol.PublicKey, bool)

// OperatorKeys are the keys to which an operator log has ever given commit: of those that
// were revoked since, the earlier statements go on to count, and a registry takes no new
// ones. What that leaves to a thief the documentation of the package says. records are all
// valid records of the log.
func OperatorKeys(records ...*protocol.OperatorRecord) Keys {
	known := map[protocol.KeyID]protocol.PublicKey{}
	for _, r := range records {
		for _, e := range r.Entries {
			if e.Type == protocol.EntryInit || e.Type == protocol.EntryGrantFlat && slices.Contains(e.Permissions, protocol.PermissionCommit) {
				known[e.Key.ID()] = e.Key
			}
		}
	}
	return func(id protocol.KeyID) (protocol.PublicKey, bool) {
		key, ok := known[id]
		return key, ok
	}
}

// KeyError says that a statement is signed by a key to which the operator log, as far as it
// was read, has never given commit: that log may be longer by now.
type KeyError struct {
	Sequence uint64 // of the statement
	KeyID    protocol.KeyID
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("statement %d is signed by key %s, which may not sign statements of this registry", e.Sequence, e.KeyID)
}
