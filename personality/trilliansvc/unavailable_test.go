package trilliansvc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What says that the log server is away is told from all other failures, however
// it is wrapped.
func TestUnavailable(t *testing.T) {
	l := &Log{id: 1}
	for _, c := range []struct {
		cause error
		want  bool
	}{
		{status.Error(codes.Unavailable, "connection refused"), true},
		{status.Error(codes.DeadlineExceeded, "too late"), true},
		{status.Error(codes.Unknown, "its database does not answer"), true},
		{status.Error(codes.ResourceExhausted, "quota"), true},
		{fmt.Errorf("server x: %w: %w", context.DeadlineExceeded, status.Error(codes.DeadlineExceeded, "")), true},
		{status.Error(codes.ResourceExhausted, "received message larger than max"), false},
		{status.Error(codes.Canceled, "by the caller"), false},
		{status.Error(codes.InvalidArgument, ""), false},
		{status.Error(codes.NotFound, "no such tree"), false},
		{ErrBeyondLog, false},
		{ErrConflict, false},
	} {
		err := fmt.Errorf("more words: %w", l.failed("asking", c.cause))
		away, ok := errors.AsType[interface {
			error
			Unavailable() bool
		}](err)
		if !ok || away.Unavailable() != c.want {
			t.Errorf("%v: unavailable %v, want %v", err, ok && !c.want, c.want)
		}
		if !errors.Is(err, c.cause) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
}
