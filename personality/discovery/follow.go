package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// How the log is followed.
const (
	followEvery = time.Second            // it is looked at, at least
	followPause = 300 * time.Millisecond // see [Options]
	batchCount  = 2000                   // records a transaction, at most
	batchLeast  = 100                    // while much is published
	batchBytes  = 4 << 20                // of envelopes in it, about

	progressEvery = 10 * time.Second
)

// length is that of the newest checkpoint; 0 before the first.
func (x *Index) length(ctx context.Context) (uint64, error) {
	c, err := x.options.Log.LatestCheckpoint(ctx)
	if _, none := errors.AsType[*registry.CheckpointNotFoundError](err); none {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	length := c.Contents.LogLength
	x.published.Store(length)
	x.pace.saw(length, x.options.Now())
	return length, nil
}

// follow reads the log and the statements as they grow.
func (x *Index) follow(ctx context.Context, db *database) error {
	var told time.Time
	for ctx.Err() == nil {
		published := x.options.Published() // before looking, so that none is missed
		length, err := x.length(ctx)
		for err == nil && x.position.Load() < length && ctx.Err() == nil {
			start := time.Now()
			if err = x.readBatch(ctx, db, length); err != nil {
				break
			}
			x.giveWay(ctx, time.Since(start))
			length, err = x.length(ctx)
			if err == nil && time.Since(told) > progressEvery && length-x.position.Load() > batchCount {
				told = time.Now()
				x.options.Logger.Info("the index of packages is filled", "records", x.position.Load(), "of", length)
			}
		}
		if err == nil {
			err = x.readStatements(ctx, db)
		}
		if err == nil {
			x.filled.Store(true)
		}
		if isAway(err) { // whoever is away comes back: what is here is served meanwhile
			err = nil
		}
		if err == nil {
			err = db.writes.Present()
		}
		if x.waitForDisk(ctx, err) {
			continue
		}
		if err != nil {
			return err
		}
		wake.Sleep(ctx, x.options.Pause, nil)
		wake.Sleep(ctx, followEvery-x.options.Pause, published)
	}
	return nil
}

// isAway says of an error that a part of the registry does not answer now.
func isAway(err error) bool {
	_, away := errors.AsType[*registry.UnavailableError](err)
	return away
}

// readBatch reads some records, up to a length of the log.
func (x *Index) readBatch(ctx context.Context, db *database, length uint64) error {
	position := x.position.Load()
	count := min(length-position, max(batchLeast, uint64(batchCount*x.pace.share())))
	envelopes, err := x.options.Log.Envelopes(ctx, position, int(count), batchBytes)
	if err != nil {
		return fmt.Errorf("read the log from record %d on: %w", position, err)
	}
	if len(envelopes) == 0 {
		return fmt.Errorf("the log has no record %d, and a checkpoint of length %d", position, length)
	}
	b := newBatch(position, x.filled.Load())
	err = db.update(ctx, func(t tx) error {
		for _, named := range envelopes {
			if err := b.apply(t, named); err != nil {
				return fmt.Errorf("record %d: %w", b.position, err)
			}
		}
		return b.finish(t)
	})
	if err != nil {
		return err
	}
	x.position.Store(b.position)
	x.hasChanged()
	return nil
}

func (x *Index) hasChanged() {
	x.full.Store(nil)
	x.revision.Add(1)
	x.changed.Happened()
}
