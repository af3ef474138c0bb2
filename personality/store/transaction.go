package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sethvargo/go-retry"
)

// ErrUnknownOutcome: the connection was lost while a transaction was being
// committed, and the database did not say whether it is. It was not run again.
// Whoever asked for it has to look, or to ask again for what may be asked for
// twice: a record that was accepted is found when it is posted again.
var ErrUnknownOutcome = errors.New("the connection to the database was lost during a commit: whether it took place is not known")

// A transaction that fails in passing and is certainly undone is run again, up
// to maxTries times in all and for about five seconds.
const (
	maxTries   = 12
	firstPause = 5 * time.Millisecond
	maxPause   = 500 * time.Millisecond
	maxRetry   = 10 * time.Second // no try begins later
)

// View runs f in a transaction that only reads, on a snapshot of the database
// as it is when f first reads. f is run again if the connection is lost, so it
// must set what it returns, not add to it.
func (db *DB) View(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.reads, f)
}

// ViewOne is [DB.View] for an f that runs one statement, at most: it costs no
// transaction.
func (db *DB) ViewOne(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, single{db.reads}, f)
}

// Update runs f in a transaction that is committed, durably, if f returns nil
// and undone otherwise. On SQLite one Update runs at a time; on MySQL they run
// beside each other, see the package's documentation.
//
// f may run more than once: the transaction is tried again if it is certainly
// undone and the failure passes, like a deadlock, a lock that was not got in
// time, a row that another process inserted first, or a connection that was lost
// before the commit. So f must have no effect but on the database, and must
// set what it returns, not add to it. A commit whose outcome is not known is
// not tried again, see [ErrUnknownOutcome].
//
// Once begun f is not interrupted when ctx ends: half of a transaction is of no
// use, and they are short. It is not tried again then.
func (db *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return db.run(ctx, db.writes, f)
}

func (db *DB) run(ctx context.Context, p pool, f func(*Tx) error) error {
	if db.dialect.passing == nil {
		_, err := db.try(ctx, p, f)
		return err
	}
	pauses := retry.WithJitterPercent(50, retry.WithCappedDuration(maxPause, retry.NewExponential(firstPause)))
	pauses = retry.WithMaxDuration(maxRetry, retry.WithMaxRetries(maxTries-1, pauses))
	tries := 0
	return retry.Do(ctx, pauses, func(ctx context.Context) error {
		tries++
		undone, err := db.try(ctx, p, f)
		if undone != nil && db.dialect.passing(undone, tries) {
			return retry.RetryableError(err)
		}
		return err
	})
}

// try runs f in one transaction. undone is what the database said if it is its
// failure, and not f's, that certainly undid the transaction.
func (db *DB) try(ctx context.Context, p pool, f func(*Tx) error) (undone, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	begun, err := p.begin(ctx)
	if err != nil {
		err = fmt.Errorf("begin a transaction: %w", err)
		return err, err
	}
	defer begun.Rollback()
	tx := &Tx{pool: p, tx: begun, dialect: db.dialect}
	err = f(tx)
	if tx.failed != nil && err == nil {
		err = tx.failed
	}
	if err != nil {
		return tx.failed, err
	}
	if err := db.present(p); err != nil { // or it would be written where nobody finds it
		return err, err
	}
	if err := begun.Commit(); err != nil {
		return db.commitFailed(p, err)
	}
	return nil, nil
}

// commitFailed says what the error of a commit means.
func (db *DB) commitFailed(p pool, err error) (undone, _ error) {
	switch {
	case p.reads(): // what was read is nevertheless so
		return nil, nil
	case db.dialect.undone == nil || db.dialect.undone(err):
		err = fmt.Errorf("commit a transaction: %w", err)
		return err, err
	}
	return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}
