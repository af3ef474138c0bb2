package admission

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/sparselog"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	endEach    = time.Minute // look for records whose content does not come
	arriveEach = time.Second // look for content that another process has taken
	retryAfter = 500 * time.Millisecond
	// Content that nothing names is looked for so often. Uploads that ended without a
	// word leave files for so long at most.
	collectEach = 10 * time.Minute
	sweepAfter  = time.Hour
	// forgetAfter is how long a rejected record can be asked for.
	forgetAfter = 24 * time.Hour
	// endedAtOnce is how many waiting records are dealt with at a time, so that
	// others get their turns between.
	endedAtOnce = 256
)

// Run does what has to be done between requests, until ctx ends. Every process
// may do it.
func (a *Admission) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { a.repeat(ctx, "rejecting records whose content did not come", nil, a.endInactive) })
	work.Go(func() { a.repeat(ctx, "completing records whose content has come", a.arrived, a.completeArrived) })
	work.Go(func() { a.repeat(ctx, "forgetting rejected records", nil, a.forgetRejected) })
	work.Go(func() { a.repeat(ctx, "counting the queue", nil, a.count) })
	work.Go(func() { a.repeat(ctx, "removing content that nothing names", nil, a.collect) })
	if a.options.Direct != nil {
		work.Go(func() { a.repeat(ctx, "taking what clients have put into the content bucket", nil, a.takeIncoming) })
	}
	work.Go(func() { a.repeat(ctx, "forgetting what is not fetched any more", nil, a.forgetFetches) })
	work.Go(func() { a.fetchContents(ctx) })
	work.Wait()
}

// repeat takes steps until ctx ends. A step returns how long to wait for the next
// unless somebody nudges. What fails for long is logged once a minute.
func (a *Admission) repeat(ctx context.Context, what string, nudged <-chan struct{}, step func(context.Context) (time.Duration, error)) {
	failures := sparselog.New(a.options.Logger)
	for ctx.Err() == nil {
		wait, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			failures.Write(ctx, slog.LevelWarn, what, what+" failed; trying again", "error", err, "after", retryAfter)
			wait = retryAfter
		}
		if wait > 0 {
			wake.Sleep(ctx, wait, nudged)
		}
	}
}

// endInactive rejects records of whose content nothing came for a while.
func (a *Admission) endInactive(ctx context.Context) (time.Duration, error) {
	before := a.options.Now().Add(-a.options.UploadTimeout)
	var late []store.WaitingPlace
	err := a.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		late, err = tx.InactiveSince(before, endedAtOnce)
		return err
	})
	if err != nil || len(late) == 0 {
		return min(endEach, max(a.options.UploadTimeout/4, time.Second)), err
	}
	reason := fmt.Sprintf("its content was not uploaded within %v", a.options.UploadTimeout.Round(time.Second))
	return 0, a.doEach(ctx, late, func(l *openLog, record int64) error {
		// One whose content comes in the last moment is left alone.
		if w := l.findKey(record); w != nil && w.change.Missing > 0 && w.activeAt.Before(before) {
			l.reject(w, reason)
		}
		return nil
	})
}

// completeArrived completes records that waited for a content that came for
// another one.
func (a *Admission) completeArrived(ctx context.Context) (time.Duration, error) {
	var digest protocol.Hash
	var waiting []store.WaitingPlace
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		digests, err := tx.Arrived(1)
		if err != nil || len(digests) == 0 {
			waiting = nil
			return err
		}
		digest = digests[0]
		waiting, err = tx.WaitingFor(digest, endedAtOnce)
		return err
	})
	if err != nil || digest == (protocol.Hash{}) {
		return arriveEach, err
	}
	if len(waiting) == 0 {
		return 0, a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.ForgetArrived(digest) })
	}
	return 0, a.doEach(ctx, waiting, func(l *openLog, record int64) error { return l.contentArrived(record, digest) })
}

// doEach does something to each of some waiting records.
func (a *Admission) doEach(ctx context.Context, places []store.WaitingPlace, f func(l *openLog, record int64) error) error {
	errs := make([]error, len(places))
	var all sync.WaitGroup
	for i, p := range places {
		all.Go(func() {
			errs[i] = a.do(ctx, &task{logID: p.LogID, run: func(l *openLog) error { return f(l, p.Record) }})
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetRejected deletes records that were rejected long ago: what nobody
// published must not fill the database.
func (a *Admission) forgetRejected(ctx context.Context) (time.Duration, error) {
	before := a.options.Now().Add(-forgetAfter)
	var old []store.RejectedPlace
	err := a.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		old, err = tx.RejectedBefore(before, endedAtOnce)
		return err
	})
	if err != nil {
		return endEach, err
	}
	err = a.options.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.ForgetRefused(before); err != nil {
			return err
		}
		ids := make([]protocol.Hash, len(old))
		for i, p := range old {
			ids[i] = p.LogID
		}
		logs, err := tx.Logs(ids)
		if err != nil {
			return err
		}
		for _, p := range old {
			if log := logs[p.LogID]; log != nil {
				if err := tx.ForgetRejected(p.Record, *log); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if len(old) == endedAtOnce {
		return 0, err
	}
	return endEach, err
}

// collect removes content that no record names that is published, accepted or
// waits: a registry is no place to keep files at.
func (a *Admission) collect(ctx context.Context) (time.Duration, error) {
	// Nothing of an upload that is older than this can belong to a record that waits.
	swept, err := a.options.Contents.SweepUploads(ctx, min(sweepAfter, a.options.UploadTimeout))
	if err != nil {
		return collectEach, err
	}
	collected := 0
	if a.options.ContentRetention > 0 {
		collected, err = a.options.Contents.Collect(ctx, a.options.ContentRetention, a.collected)
	}
	if swept+collected > 0 {
		a.options.Logger.Info("removed what nothing names", "contents", collected, "unfinished_uploads", swept)
	}
	return min(collectEach, max(a.options.UploadTimeout, time.Second)), err
}

// collected is named, and forgets where those contents came from that nothing names.
func (a *Admission) collected(ctx context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error) {
	named, err := a.named(ctx, digests)
	if err != nil {
		return nil, err
	}
	unnamed := slices.DeleteFunc(slices.Clone(digests), func(d protocol.Hash) bool { return named[d] })
	if len(unnamed) == 0 {
		return named, nil
	}
	return named, a.options.Store.Update(ctx, func(tx *store.Tx) error { return tx.ForgetContentSources(unnamed) })
}

func (a *Admission) named(ctx context.Context, digests []protocol.Hash) (named map[protocol.Hash]bool, err error) {
	err = a.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		named, err = tx.NamedContents(digests)
		return err
	})
	return named, err
}
