package reader

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// inclusionPath asks Trillian for a path, for at most answerTime.
func (r *Reader) inclusionPath(ctx context.Context, index, size uint64) ([][]byte, error) {
	timed, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	path, err := r.options.Records.InclusionProof(timed, index, size)
	if err != nil && ctx.Err() == nil && trillianAway(err) {
		err = &registry.UnavailableError{Part: registry.PartTrillian, Reason: "it does not answer", Err: err}
	}
	return path, err
}

func trillianAway(err error) bool {
	away, ok := errors.AsType[interface {
		error
		Unavailable() bool
	}](err)
	return ok && away.Unavailable() || errors.Is(err, context.DeadlineExceeded)
}
