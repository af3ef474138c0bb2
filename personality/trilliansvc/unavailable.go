package trilliansvc

import (
	"fmt"

	"google.golang.org/grpc/status"
)

// callError is the failure of a call. By [callError.Unavailable] callers that
// know nothing of gRPC tell a log server that is away from everything else.
type callError struct {
	tree  int64
	doing string
	cause error
}

func (e *callError) Error() string {
	return fmt.Sprintf("the Trillian tree %d: %s: %v", e.tree, e.doing, e.cause)
}

func (e *callError) Unwrap() error { return e.cause }

// Unavailable reports whether the log server, or its database, could not be
// asked now. Such a call may be made again later.
func (e *callError) Unavailable() bool {
	if _, answered := status.FromError(e.cause); !answered {
		return false // found here, not said by the server
	}
	return passes(e.cause)
}
