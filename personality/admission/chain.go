package admission

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A record that follows records that wait is validated against the state that they
// lead to, for which all of them are validated again. Where they are many or large
// that is not done in a commit, which others wait for, but before it, one at a time.
// What is found stays true: the ids of records say what is before them.

const (
	// maxChainInCommit is the size in bytes up to which a chain of waiting records
	// is validated again in a commit.
	maxChainInCommit = 8 << 10
	// maxChainChecks is how often a record is checked anew because what it follows
	// came meanwhile.
	maxChainChecks = 3
)

// submit takes a record, once what it follows is checked.
func (a *Admission) submit(ctx context.Context, logID protocol.Hash, s *submission) error {
	for range maxChainChecks {
		if err := a.do(ctx, &task{logID: logID, submission: s}); err != nil {
			return err
		}
		if !s.unchecked {
			return s.refusal
		}
		if err := a.checkChain(ctx, logID, s); err != nil {
			return err
		}
	}
	return registry.ErrOverloaded
}

// checkChain validates a record that follows one that waits, and notes behind
// which one that was.
func (a *Admission) checkChain(ctx context.Context, logID protocol.Hash, s *submission) error {
	if !s.inTurn { // one that has a turn for its own size has it for this, too
		leave, err := a.heavy.enter(ctx, s.client)
		if err != nil {
			return err
		}
		defer leave()
	}
	err := a.options.Store.View(ctx, func(tx *store.Tx) error {
		b, err := a.openBatch(tx, []*task{{ctx: ctx, logID: logID, submission: s}})
		if err != nil {
			return err
		}
		b.preview = true
		l := b.logs[logID]
		prev := s.record.Record.Prev
		w := l.find(func(w *waitingRecord) bool { return w.change.RecordID.Any() == prev })
		if w == nil {
			return nil // it has entered, or is rejected: the next commit says
		}
		if err := l.validateBehind(w, s); err != nil {
			return fmt.Errorf("check what record %s follows: %w", s.record.ID, err)
		}
		s.behind = w.change.RecordID
		return nil
	})
	if err != nil {
		return err
	}
	return s.refusal
}
