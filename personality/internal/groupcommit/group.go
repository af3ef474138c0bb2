// Package groupcommit lets many callers share commits: those that wait while one
// is under way go together into the next.
package groupcommit

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed says that a [Group] takes no more items.
var ErrClosed = errors.New("closed: nothing more is committed")

// Group commits items in the order of their coming, one batch at a time: the
// first is committed at once, and those that come meanwhile share the commits
// after it. Safe for concurrent use. Its fields are not to be changed once it is
// used.
type Group[T any] struct {
	// Commit makes a batch of one or more items durable, all or none: an error
	// means none. The items of a batch that failed are committed once more, each
	// alone, so that one that cannot be stored does not fail the others; Commit
	// must bear that. What a caller is to be told beside an error belongs into
	// its item.
	Commit func([]T) error
	// MaxItems and MaxBytes bound one commit, and with it the wait of those who
	// come after; Size says how much an item counts for. One item may exceed
	// them. Nil: there is no bound.
	Size               func(T) (items, bytes int)
	MaxItems, MaxBytes int

	mu      sync.Mutex
	waiting []*call[T]     // guarded by mu
	running bool           // guarded by mu: a goroutine runs the commits
	closed  bool           // guarded by mu
	runs    sync.WaitGroup // that goroutine; Add only under mu while not closed
}

type call[T any] struct {
	item T
	err  error // set before done is closed
	done chan struct{}
}

// Do returns when the item is committed, or with why it is not. If ctx ends
// before, it returns the context's error, and the item may be committed
// nevertheless.
func (g *Group[T]) Do(ctx context.Context, item T) error {
	c := &call[T]{item: item, done: make(chan struct{})}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return ErrClosed
	}
	g.waiting = append(g.waiting, c)
	if !g.running {
		g.running = true
		g.runs.Add(1)
		go g.run()
	}
	g.mu.Unlock()

	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close refuses further items and waits for those that wait.
func (g *Group[T]) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.runs.Wait()
}

// run commits until nothing waits.
func (g *Group[T]) run() {
	defer g.runs.Done()
	for batch := g.next(); batch != nil; batch = g.next() {
		g.commit(batch)
		for _, c := range batch {
			close(c.done)
		}
	}
}

func (g *Group[T]) commit(batch []*call[T]) {
	items := make([]T, len(batch))
	for i, c := range batch {
		items[i] = c.item
	}
	err := g.Commit(items)
	if err == nil || len(batch) == 1 {
		batch[0].err = err
		return
	}
	for i, c := range batch {
		c.err = g.Commit(items[i : i+1])
	}
}

// next takes the next batch; nil ends the run.
func (g *Group[T]) next() []*call[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.running = false
		return nil
	}
	n, items, bytes := len(g.waiting), 0, 0
	for i := 0; g.Size != nil && i < len(g.waiting); i++ {
		moreItems, moreBytes := g.Size(g.waiting[i].item)
		items, bytes = items+moreItems, bytes+moreBytes
		if i > 0 && (items > g.MaxItems || bytes > g.MaxBytes) {
			n = i
			break
		}
	}
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return batch
}
