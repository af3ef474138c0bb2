package publisher

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/follow"
)

// Log is a log that the publisher adds leaves to and reads them back from. What it
// says is not trusted: see package follow.
type Log interface {
	follow.Source
	// Queue hands leaves over for sequencing. Their Index is ignored. Values that
	// are in the log already are no error.
	Queue(ctx context.Context, leaves []follow.Leaf) error
	// Integrate sequences what is queued now, where this process can.
	Integrate(ctx context.Context) error
}
