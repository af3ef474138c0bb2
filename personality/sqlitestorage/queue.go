package sqlitestorage

import (
	"context"
	"sync"
	"time"

	"github.com/google/trillian"
	"google.golang.org/grpc/status"
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

	// Set before done is closed.
	result []*trillian.QueuedLogLeaf
	err    error
	done   chan struct{}
}

func (c *queueCall) bytes() (n int) {
	for _, l := range c.leaves {
		n += len(l.LeafValue) + len(l.ExtraData)
	}
	return n
}

// queue groups calls into commits: the first call is committed at once, and those
// that come meanwhile go into the commits after it, in the order of their coming.
type queue struct {
	// commit makes the calls durable in one transaction and fills in their
	// results; an error means that none of them is.
	commit func([]*queueCall) error

	mu      sync.Mutex
	waiting []*queueCall   // guarded by mu
	running bool           // guarded by mu: a goroutine runs the commits
	closed  bool           // guarded by mu
	runs    sync.WaitGroup // that goroutine; Add only under mu while not closed
}

// do returns when the call is committed, or when ctx ends; the leaves may be
// queued nevertheless then.
func (q *queue) do(ctx context.Context, call *queueCall) ([]*trillian.QueuedLogLeaf, error) {
	call.done = make(chan struct{})
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil, errClosed
	}
	q.waiting = append(q.waiting, call)
	if !q.running {
		q.running = true
		q.runs.Add(1)
		go q.run()
	}
	q.mu.Unlock()

	select {
	case <-call.done:
		return call.result, call.err
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// run commits until nothing waits.
func (q *queue) run() {
	defer q.runs.Done()
	for {
		group := q.next()
		if group == nil {
			return
		}
		if err := q.commit(group); err != nil {
			q.commitEach(group, err)
		}
		for _, call := range group {
			close(call.done)
		}
	}
}

// next takes the next group of calls; nil ends the run.
func (q *queue) next() []*queueCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.running = false
		return nil
	}
	n, leaves, bytes := 0, 0, 0
	for n < len(q.waiting) {
		leaves += len(q.waiting[n].leaves)
		bytes += q.waiting[n].bytes()
		if n > 0 && (leaves > groupLeaves || bytes > groupBytes) {
			break
		}
		n++
	}
	group := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return group
}

// commitEach commits the calls of a group that failed one by one, so that one
// that cannot be stored does not fail the others.
func (q *queue) commitEach(group []*queueCall, err error) {
	if len(group) == 1 {
		group[0].result, group[0].err = nil, err
		return
	}
	for i := range group {
		if err := q.commit(group[i : i+1]); err != nil {
			group[i].result, group[i].err = nil, err
		}
	}
}

// close refuses further calls and waits for those that wait.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.runs.Wait()
}
