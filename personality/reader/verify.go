package reader

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// VerifyCheckpoint compares a checkpoint that somebody was given with what this
// registry signed: are its roots those of that length, and does its signature
// hold by a key that may sign here? As in the reference (warg-server,
// api/v1/monitor.rs), a length that was never a checkpoint's is invalid.
//
// The key may sign as of the operator log that is published: what is accepted and
// in no checkpoint yet, nobody outside can know. Or, if the roots are those of a
// checkpoint of this registry, as of that one: what a key signed before it was revoked
// stays verified (as in the reference, which compares with the signature that it kept).
func (r *Reader) VerifyCheckpoint(ctx context.Context, c protocol.ReceivedCheckpoint) (checkpoint, signature Verdict, err error) {
	type verdicts struct{ checkpoint, signature Verdict }
	v, err := read(ctx, &r.database, func(tx *store.Tx) (v verdicts, err error) {
		ours, err := tx.Checkpoint(c.LogLength)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return v, err
		}
		roots := ours.Signed.Contents.Checkpoint
		v.checkpoint = verdict(err == nil && c.LogRoot == roots.LogRoot.Any() && c.MapRoot == roots.MapRoot.Any())
		operator, err := registry.OperatorLog(tx, nil)
		if err != nil {
			return v, err
		}
		key, known := operator.PublicKey(c.KeyID)
		if !known || c.Verify(key) != nil {
			v.signature = Invalid
			return v, nil
		}
		permitted := operator.HasPermission(c.KeyID, protocol.PermissionCommit)
		if !permitted && v.checkpoint == Verified {
			if operator, err = registry.OperatorLogAsOf(tx, c.LogLength); err != nil {
				return v, err
			}
			permitted = operator.HasPermission(c.KeyID, protocol.PermissionCommit)
		}
		v.signature = verdict(permitted)
		return v, nil
	})
	return v.checkpoint, v.signature, err
}

func verdict(ok bool) Verdict {
	if ok {
		return Verified
	}
	return Invalid
}
