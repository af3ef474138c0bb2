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
	switch {
	case err == nil:
		return path, nil
	case ctx.Err() != nil: // gRPC has an error of its own for it
		return nil, ctx.Err()
	case trillianAway(err):
		return nil, &registry.UnavailableError{Part: registry.PartTrillian, Reason: "it does not answer", Err: err}
	}
	return nil, err
}

func trillianAway(err error) bool {
	away, ok := errors.AsType[interface {
		error
		Unavailable() bool
	}](err)
	return ok && away.Unavailable() || errors.Is(err, context.DeadlineExceeded)
}
