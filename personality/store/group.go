package store

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// group lets the transactions of many callers share commits. Whoever comes first
// takes all that wait and commits them at once; those who come meanwhile wait for
// the next one. One at a time makes large groups, which cost the database less
// than several at once that are smaller.
type group struct {
	lead chan struct{} // holds the token of the one who is committing

	mu      sync.Mutex
	waiting []*groupJob // guarded by mu
}

func newGroup() group { return group{lead: make(chan struct{}, 1)} }

type groupJob struct {
	ctx  context.Context
	f    func(*Tx) error
	log  *protocol.Hash // the log that f changes; nil: any
	gone error          // why f was not run: the caller's context had ended
	done chan error
}

// UpdateGrouped is [DB.Update] for small changes that come from many callers at
// once: those that wait at the same time share one transaction and so one
// write to the disk. If one f fails, every change of the group is undone and each
// f is run again in a transaction of its own; so a refusal that wrote nothing is
// better returned beside f than by it.
func (db *DB) UpdateGrouped(ctx context.Context, f func(*Tx) error) error {
	return db.inGroup(&groupJob{ctx: ctx, f: f, done: make(chan error, 1)})
}

// UpdateLogGrouped is [DB.UpdateGrouped] for what inserts records into one log.
// Where statements cost round trips, those of a group are shared too. The keys
// that InsertLog and InsertRecord set may then be preliminary, good for nothing
// but this transaction.
func (db *DB) UpdateLogGrouped(ctx context.Context, logID protocol.Hash, f func(*Tx) error) error {
	return db.inGroup(&groupJob{ctx: ctx, f: f, log: &logID, done: make(chan error, 1)})
}

func (db *DB) inGroup(j *groupJob) error {
	g := &db.group
	g.mu.Lock()
	g.waiting = append(g.waiting, j)
	g.mu.Unlock()
	select {
	case g.lead <- struct{}{}:
		g.mu.Lock()
		jobs := g.waiting
		g.waiting = nil
		g.mu.Unlock()
		db.commitGroup(jobs)
		<-g.lead
		return <-j.done // in jobs, or in those of the one who led before
	case err := <-j.done:
		return err
	}
}

func (db *DB) commitGroup(jobs []*groupJob) {
	if len(jobs) > 1 {
		err := db.Update(context.Background(), func(tx *Tx) error {
			if err := tx.expectAll(jobs); err != nil {
				return err
			}
			for _, j := range jobs {
				if j.gone = j.ctx.Err(); j.gone != nil {
					continue
				}
				if err := j.f(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil || errors.Is(err, ErrUnknownOutcome) {
			for _, j := range jobs {
				j.done <- cmp.Or(j.gone, err)
			}
			return
		}
	}
	for _, j := range jobs {
		j.done <- db.Update(j.ctx, j.f)
	}
}

// expectAll prepares a transaction for jobs, if it is known what all of them
// change.
func (tx *Tx) expectAll(jobs []*groupJob) error {
	if tx.dialect.batch == 1 {
		return nil
	}
	var ids []protocol.Hash
	for _, j := range jobs {
		if j.log == nil {
			return nil
		}
		ids = append(ids, *j.log)
	}
	return tx.expect(ids)
}
