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
// Keys are those of the operator log as it is published: what is accepted and in
// no checkpoint yet, nobody outside can know.
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
		v.signature = verdict(known && operator.HasPermission(c.KeyID, protocol.PermissionCommit) && c.Verify(key) == nil)
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
