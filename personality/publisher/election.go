package publisher

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

// How the processes that share a database agree on one that publishes. A leader
// that dies is succeeded after the leader timeout and at most one campaign more.
const (
	heartbeatEach = time.Second            // the leader says that it lives
	campaignEach  = 500 * time.Millisecond // the others look whether it does
	leaderTimeout = 3 * time.Second        // without a heartbeat, before another takes over
	abstainFor    = 5 * time.Second        // of a process that has no key to sign with
)

// election decides whether this process publishes. It only saves
// work: two that believe to lead do no harm, since the transaction that
// publishes compares and sets. It belongs to the integrating goroutine.
type election struct {
	store Database
	self  string // another one each time the process starts
	now   func() time.Time

	leading bool
	renewed time.Time    // leading: when the last heartbeat was stored
	seen    store.Leader // not leading: the leader as last seen,
	since   time.Time    // when it was first seen so,
	looked  time.Time    // and when it was last looked at
	until   time.Time    // not to lead before
}

func newElection(db Database, now func() time.Time) *election {
	return &election{store: db, self: rand.Text(), now: now}
}

// campaign returns whether this process leads.
func (e *election) campaign(ctx context.Context) (bool, error) {
	started := e.now()
	if e.leading && started.Sub(e.renewed) < heartbeatEach {
		return true, nil
	}
	if !e.leading && started.Sub(e.looked) < campaignEach {
		return false, nil
	}
	e.looked = started
	var won bool
	var current store.Leader
	err := e.store.Update(ctx, func(tx *store.Tx) (err error) {
		won = false
		if current, err = tx.Leader(); err == nil && e.mayLead(current) {
			won, err = tx.Lead(current, e.self)
		}
		return err
	})
	switch {
	case err != nil:
		return false, err
	case won:
		e.renewed = started
	case current != e.seen || e.leading:
		e.seen, e.since = current, e.now()
	}
	e.leading = won
	return won, nil
}

// abstain leaves it to others to lead for a while.
func (e *election) abstain() { e.until = e.now().Add(abstainFor) }

// abstains returns how long others are to lead yet; 0 or less: this process may.
func (e *election) abstains() time.Duration {
	left := e.until.Sub(e.now())
	if left > abstainFor {
		return 0 // the clock has stepped back
	}
	return left
}

func (e *election) mayLead(current store.Leader) bool {
	return current.Holder == "" || current.Holder == e.self ||
		!e.leading && current == e.seen && e.now().Sub(e.since) >= leaderTimeout
}

// stepDown lets another process lead at once.
func (e *election) stepDown(ctx context.Context) error {
	if !e.leading {
		return nil
	}
	e.leading = false
	return e.store.Update(ctx, func(tx *store.Tx) error {
		current, err := tx.Leader()
		if err == nil && current.Holder == e.self {
			_, err = tx.Lead(current, "")
		}
		return err
	})
}
