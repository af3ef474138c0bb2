package reader

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// Ready returns why nothing can be read, with a line for each reason; nil where
// all is well.
func (r *Reader) Ready(ctx context.Context) error {
	var all []error
	_, err := r.LatestCheckpoint(ctx)
	if none := (*registry.CheckpointNotFoundError)(nil); errors.As(err, &none) {
		all = append(all, fmt.Errorf("no checkpoint yet: %w", err))
	} else if err != nil {
		all = append(all, fmt.Errorf("the database does not answer: %w", err))
	}
	if err := r.PingRecords(ctx); err != nil {
		all = append(all, fmt.Errorf("Trillian does not answer: %w", err))
	}
	return errors.Join(all...)
}
