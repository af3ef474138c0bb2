package reader

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// ReadyDatabase returns why nothing can be read from the database, or that there
// is nothing to read yet; nil where all is well.
func (r *Reader) ReadyDatabase(ctx context.Context) error {
	_, err := r.LatestCheckpoint(ctx)
	if none, ok := errors.AsType[*registry.CheckpointNotFoundError](err); ok {
		return fmt.Errorf("no checkpoint yet: %w", none)
	}
	if err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	return nil
}

// ReadyTrillian returns why no proofs can be read; nil where all is well.
func (r *Reader) ReadyTrillian(ctx context.Context) error {
	if err := r.options.PingRecords(ctx); err != nil {
		return fmt.Errorf("Trillian does not answer: %w", err)
	}
	return nil
}
