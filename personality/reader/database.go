package reader

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

const (
	// answerTime bounds one read of the database and one question to Trillian.
	// Each is meant to take milliseconds: whatever needs more is asked in several.
	answerTime = 1800 * time.Millisecond
	// maxAbandoned bounds the reads that go on behind their time, as on a
	// database whose network hangs. Each has a goroutine, and waits for a
	// connection or has one.
	maxAbandoned = 256
)

// database reads the store, and waits for it no longer than is said.
type database struct {
	store *store.DB
	// remote: an answer may never come, so it is waited for beside the read. A
	// goroutine for each read costs 20 us, which a database in this process need
	// not pay: its reads wait for nobody.
	remote    bool
	abandoned atomic.Int32
	failures  atomic.Int32 // reads of a remote database that it did not answer, since it last did
	asking    atomic.Bool  // somebody asks whether a database that is away is back
}

// awayAfter is after how many reads without an answer a remote database is taken to
// be away. From then on one read at a time asks whether it is back, and the others
// are refused at once: they would use up the turns of those behind them.
const awayAfter = 3

var errAway = &registry.UnavailableError{Part: registry.PartDatabase, Reason: "it does not answer"}

// read runs f in a transaction that reads, for at most answerTime. f must change
// nothing outside but what is kept, which is so whichever run found it: it may run
// again, and may still run when read has returned.
func read[T any](ctx context.Context, d *database, f func(*store.Tx) (T, error)) (T, error) {
	return readBy(ctx, d, d.store.View, answerTime, f)
}

// readOne is [read] for an f that runs one statement, at most.
func readOne[T any](ctx context.Context, d *database, f func(*store.Tx) (T, error)) (T, error) {
	return readBy(ctx, d, d.store.ViewOne, answerTime, f)
}

func readBy[T any](ctx context.Context, d *database, view func(context.Context, func(*store.Tx) error) error, limit time.Duration, f func(*store.Tx) (T, error)) (T, error) {
	return await(ctx, d, limit, func(ctx context.Context) (T, error) {
		var value T
		err := view(ctx, func(tx *store.Tx) (err error) {
			value, err = f(tx)
			return err
		})
		return value, err
	})
}

// outcome is what a read that was waited for gave.
type outcome[T any] struct {
	value T
	err   error
}

// await runs f and returns when it does, when ctx ends, or when the time is over.
// Errors of a database that cannot be used become *[registry.UnavailableError].
func await[T any](ctx context.Context, d *database, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if !d.remote {
		value, err := f(timed)
		return value, ended(ctx, err)
	}
	if d.failures.Load() >= awayAfter {
		if !d.asking.CompareAndSwap(false, true) {
			var none T
			return none, errAway
		}
		defer d.asking.Store(false)
	}
	value, err := beside(timed, d, limit, f)
	err = ended(ctx, err)
	var unavailable *registry.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		d.failures.Add(1)
	case ctx.Err() == nil:
		d.failures.Store(0)
	}
	return value, err
}

// ended is the error of a read, or that of the request if it has ended.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return registry.DatabaseError(err)
}

// beside runs f in a goroutine, and leaves it there when ctx ends.
func beside[T any](ctx context.Context, d *database, limit time.Duration, f func(context.Context) (T, error)) (none T, err error) {
	if d.abandoned.Load() >= maxAbandoned {
		return none, fmt.Errorf("%d earlier reads have not ended yet: %w", maxAbandoned, context.DeadlineExceeded)
	}
	done := make(chan outcome[T], 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // it would end the process: nobody recovers in this goroutine
				done <- outcome[T]{err: fmt.Errorf("panic while reading the database: %v\n%s", p, debug.Stack())}
			}
		}()
		value, err := f(ctx)
		done <- outcome[T]{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
	}
	d.abandoned.Add(1)
	go func() {
		<-done
		d.abandoned.Add(-1)
	}()
	return none, fmt.Errorf("no answer within %v: %w", limit, ctx.Err())
}

// tiles is the [index.TileReader] of a database.
type tiles struct{ *database }

func (t tiles) Tiles(ctx context.Context, ids [][]byte, revision uint64) (map[string][]byte, error) {
	return await(ctx, t.database, answerTime, func(ctx context.Context) (map[string][]byte, error) {
		return t.store.Tiles(ctx, ids, revision)
	})
}
