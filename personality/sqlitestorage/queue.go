package sqlitestorage

import (
	"context"
	"errors"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc/status"

	"github.com/warg-trillian/warg-trillian/personality/internal/groupcommit"
)

const (
	// groupLeaves and groupBytes bound one shared commit, and with it the wait of
	// those who come after. A single call may exceed them.
	groupLeaves = 1000
	groupBytes  = 8 << 20
)

// queueCall is one QueueLeaves call.
type queueCall struct {
	tree   *trillian.Tree
	leaves []*trillian.LogLeaf
	at     time.Time

	// Set by the commit: what is queued, or why this call's tree takes nothing.
	result  []*trillian.QueuedLogLeaf
	refused error
}

func (c *queueCall) bytes() (n int) {
	for _, l := range c.leaves {
		n += len(l.LeafValue) + len(l.ExtraData)
	}
	return n
}

// queue groups calls into commits.
type queue struct{ group groupcommit.Group[*queueCall] }

// newQueue returns a queue. commit makes the calls durable in one transaction and
// fills in their results; an error means that none of them is.
func newQueue(commit func([]*queueCall) error) *queue {
	return &queue{groupcommit.Group[*queueCall]{
		Commit:   commit,
		Size:     func(c *queueCall) (int, int) { return len(c.leaves), c.bytes() },
		MaxItems: groupLeaves,
		MaxBytes: groupBytes,
	}}
}

// do returns when the call is committed, or when ctx ends; the leaves may be
// queued nevertheless then.
func (q *queue) do(ctx context.Context, call *queueCall) ([]*trillian.QueuedLogLeaf, error) {
	err := q.group.Do(ctx, call)
	switch {
	case err == nil:
		return call.result, call.refused
	case errors.Is(err, groupcommit.ErrClosed):
		return nil, errClosed
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, status.FromContextError(err).Err()
	}
	return nil, err
}

// close refuses further calls and waits for those that wait.
func (q *queue) close() { q.group.Close() }
