// Package signing holds the keys that a process signs the operator's records and
// checkpoints with. There may be several, so that one can take over from another
// without a gap: which of them may sign, the operator log says.
package signing

import (
	"slices"
	"sync/atomic"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Keys are the keys that this process holds. Safe for concurrent use; the signers have
// to be, too.
type Keys struct {
	held atomic.Pointer[[]protocol.Signer]
}

// New returns keys that a process holds from now on.
func New(signers ...protocol.Signer) *Keys {
	k := new(Keys)
	k.Replace(signers...)
	return k
}

// Replace holds other keys from now on.
func (k *Keys) Replace(signers ...protocol.Signer) {
	signers = slices.Clone(signers)
	k.held.Store(&signers)
}

// Held returns the keys in the order in which they were given.
func (k *Keys) Held() []protocol.Signer { return *k.held.Load() }

// IDs returns the ids of the keys.
func (k *Keys) IDs() []protocol.KeyID {
	var ids []protocol.KeyID
	for _, s := range k.Held() {
		ids = append(ids, s.Public().ID())
	}
	return ids
}

// Newest returns the last of the given ids whose key is held. As the operator log gives
// them, in the order in which it came to know the keys, that is the newest: all processes
// that hold the same keys choose the same.
func (k *Keys) Newest(permitted []protocol.KeyID) (protocol.Signer, bool) {
	held := k.Held()
	for _, id := range slices.Backward(permitted) {
		for _, s := range held {
			if s.Public().ID() == id {
				return s, true
			}
		}
	}
	return nil, false
}

// Permitted returns the newest key that is held and has a permission in the operator
// log.
func (k *Keys) Permitted(log *protocol.OperatorLog, needed ...protocol.OperatorPermission) (protocol.Signer, bool) {
	return k.Newest(log.Holders(needed...))
}
