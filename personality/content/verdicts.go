package content

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Verdicts remembers, by digest, contents that were too costly to check, so that the
// same bytes do not cost that again. Its methods may be called concurrently.
type Verdicts interface {
	// Get returns the reason why the content was refused, and whether it was.
	Get(ctx context.Context, digest protocol.Hash) (reason string, known bool, err error)
	// Put remembers that the content is refused.
	Put(ctx context.Context, digest protocol.Hash, reason string) error
}

// Known fails with a [*RejectedError] if the content is known to be too costly to
// check, or with an error of verdicts. Asked before an upload, it spares the transfer.
func Known(ctx context.Context, verdicts Verdicts, digest protocol.Hash) error {
	reason, known, err := verdicts.Get(ctx, digest)
	if err != nil {
		return fmt.Errorf("looking up an earlier verdict on content %s: %w", digest, err)
	}
	if known {
		return &RejectedError{Reason: reason, Costly: true}
	}
	return nil
}

// Remember returns check for the content with this digest, and asks it only if no
// verdict is known. A verdict that cannot be remembered still stands.
func Remember(verdicts Verdicts, digest protocol.Hash, check Check) Check {
	return func(ctx context.Context, f io.ReaderAt, size int64) error {
		if err := Known(ctx, verdicts, digest); err != nil {
			return err
		}
		err := check(ctx, f, size)
		var rejected *RejectedError
		if errors.As(err, &rejected) && rejected.Costly {
			if failed := verdicts.Put(ctx, digest, rejected.Reason); failed != nil {
				return errors.Join(err, fmt.Errorf("remembering the verdict on content %s: %w", digest, failed))
			}
		}
		return err
	}
}

// RecentVerdicts are the verdicts used last, in the memory of this process.
type RecentVerdicts struct {
	most int

	mu    sync.Mutex // guards the rest
	order *list.List // of remembered, the one used last in front
	known map[protocol.Hash]*list.Element
}

type remembered struct {
	digest protocol.Hash
	reason string
}

// NewRecentVerdicts returns a memory of at most most verdicts, a few hundred bytes
// each.
func NewRecentVerdicts(most int) *RecentVerdicts {
	return &RecentVerdicts{most: most, order: list.New(), known: map[protocol.Hash]*list.Element{}}
}

// Get implements [Verdicts]. It does not fail.
func (r *RecentVerdicts) Get(_ context.Context, digest protocol.Hash) (reason string, known bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.known[digest]
	if e == nil {
		return "", false, nil
	}
	r.order.MoveToFront(e)
	return e.Value.(remembered).reason, true, nil
}

// Put implements [Verdicts]. It does not fail.
func (r *RecentVerdicts) Put(_ context.Context, digest protocol.Hash, reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.known[digest]; e != nil {
		e.Value = remembered{digest, reason}
		r.order.MoveToFront(e)
		return nil
	}
	r.known[digest] = r.order.PushFront(remembered{digest, reason})
	if r.order.Len() > r.most {
		oldest := r.order.Remove(r.order.Back()).(remembered)
		delete(r.known, oldest.digest)
	}
	return nil
}
