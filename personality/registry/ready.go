package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// readyTimeout bounds how long a part may take to answer [Registry.Ready].
const readyTimeout = 2 * time.Second

// Ready returns nil if the registry accepts, publishes and serves, and else an
// error with a line for each part that does not: which one, and why.
func (r *Registry) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var all []error
	part := func(what string, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", what, err))
		}
	}
	fault, stall := r.Troubles()
	part("signing has stopped", fault)
	part("publishing is delayed", stall)
	_, err := r.LatestCheckpoint(ctx)
	if none := (*CheckpointNotFoundError)(nil); errors.As(err, &none) {
		part("no checkpoint yet", err)
	} else {
		part("the database does not answer", err)
	}
	_, err = r.Records.Root(ctx)
	part("Trillian does not answer", err)
	_, err = r.Contents.Has(ctx, protocol.Hash{}) // only whether it can be asked
	part("the content store does not answer", err)
	return errors.Join(all...)
}

// Troubles returns why nothing is signed any more, and why the last attempt of
// this process to sequence or integrate failed; nil where all is well.
func (r *Registry) Troubles() (fault, stall error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault, errors.Join(r.stall[:]...)
}
