package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Which key signs a checkpoint, the operator log says as of that checkpoint: with the
// operator records that it publishes itself, and none behind it. So auditors and
// verifying clients judge it (the official client, warg-client 0.10.0, lib.rs, demands
// only that the log has had the key by then). The first checkpoint that a new key may sign
// is the one that publishes its grant; the one that publishes the revocation of a key is
// the first that this key may not sign any more.

// noKeyError says that this process holds no key that may sign the next checkpoint.
// Another process may.
type noKeyError struct{ held, permitted []protocol.KeyID }

func (e *noKeyError) Error() string {
	return fmt.Sprintf("the keys of this process may not sign the next checkpoint: the operator log permits %v, and it has %v; give it the right one with --operator-key-file", e.permitted, e.held)
}

// sign signs a checkpoint with the newest key that is held and permitted, in the order of
// the operator log.
func (p *Publisher) sign(contents protocol.TimestampedCheckpoint, permitted []protocol.KeyID) (protocol.SignedCheckpoint, error) {
	signer, ok := p.options.Keys.Newest(permitted)
	if !ok {
		return protocol.SignedCheckpoint{}, &noKeyError{p.options.Keys.IDs(), permitted}
	}
	signed, err := contents.SignWith(signer)
	if err != nil {
		return signed, fmt.Errorf("operator key %s: %w", signer.Public().ID(), err)
	}
	return signed, nil
}

// signersOf returns the ids of the keys that may sign a plan's checkpoint.
func (i *integrator) signersOf(ctx context.Context, next plan) (permitted []protocol.KeyID, err error) {
	changes := slices.ContainsFunc(next.leaves, func(l protocol.LogLeaf) bool { return l.LogID == protocol.OperatorLogID() })
	if !changes {
		return i.permitted, nil
	}
	err = i.p.options.Store.View(ctx, func(tx *store.Tx) error {
		log, err := i.p.options.Restorer.OperatorLog(tx, next.leaves)
		if err == nil {
			permitted = log.CheckpointSigners()
		}
		return err
	})
	return permitted, err
}

// withoutKey tells whether an error is that another process has to sign.
func withoutKey(err error) bool {
	_, ok := errors.AsType[*noKeyError](err)
	return ok
}
