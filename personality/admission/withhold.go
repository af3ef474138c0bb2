package admission

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// statementAhead is how far ahead of this process's clock a statement's time may be, where
// records may be from any time.
const statementAhead = time.Hour

// Withhold takes the operator's next statement that a content is withheld, or released
// again. On return without error it is stored durably, and counts in all processes. One that
// was posted before is taken again without effect. One that does not follow the newest is a
// [withheld.OrderError].
func (a *Admission) Withhold(ctx context.Context, s withheld.Signed) error {
	return registry.DatabaseError(a.withhold(ctx, s))
}

func (a *Admission) withhold(ctx context.Context, s withheld.Signed) error {
	ahead := a.options.MaxClockSkew
	if ahead <= 0 {
		ahead = statementAhead
	}
	return a.options.Store.Update(ctx, func(tx *store.Tx) error {
		log, err := a.operatorLog(tx)
		if err != nil {
			return err
		}
		// Before anything else: it costs whoever has no key of the log no more than that.
		key, known := log.PublicKey(s.KeyID)
		if !known || !log.HasPermission(s.KeyID, protocol.PermissionCommit) {
			return &registry.UnauthorizedError{Reason: fmt.Sprintf("key %.100s may not sign statements of this registry: the operator log does not give it commit", s.KeyID)}
		}
		if err := s.Verify(key); err != nil {
			return &registry.InvalidError{Reason: err.Error()}
		}
		if s.Time.After(a.options.Now().Add(ahead)) {
			return &registry.InvalidError{Reason: fmt.Sprintf("the time of the statement, %s, is more than %v ahead of this registry's clock", s.Time.Format(time.RFC3339), ahead)}
		}
		return takeStatement(tx, log, s)
	})
}

// RestoreStatements stores the statements of a registry that the database lacks, such as one
// that was rebuilt, and returns how many. They must go on from those that it has.
func (a *Admission) RestoreStatements(ctx context.Context, statements []withheld.Signed) (restored int, err error) {
	err = a.options.Store.Update(ctx, func(tx *store.Tx) error {
		restored = 0
		log, err := a.operatorLog(tx)
		if err != nil {
			return err
		}
		count, err := tx.StatementCount()
		if err != nil || uint64(len(statements)) <= count {
			return err
		}
		for _, s := range statements[count:] {
			if err := takeStatement(tx, log, s); err != nil {
				return err
			}
			restored++
		}
		return nil
	})
	return restored, registry.DatabaseError(err)
}

// takeStatement stores a statement that follows those that there are, and does nothing if
// it is one of them. There are few: they are read again.
func takeStatement(tx *store.Tx, log *protocol.OperatorLog, s withheld.Signed) error {
	first, err := registry.Origin(tx)
	if err != nil {
		return err
	}
	all, err := registry.Statements(tx, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	if s.Sequence < uint64(len(all)) && all[s.Sequence].Hash() == s.Hash() {
		return nil
	}
	// Those that are stored were signed by keys that held commit then.
	chain, keys := withheld.NewChain(first), log.PublicKey
	for _, earlier := range all {
		if err := chain.Append(earlier, keys); err != nil {
			return fmt.Errorf("read the statements on content: %w", err)
		}
	}
	var order *withheld.OrderError
	switch err := chain.Append(s, keys); {
	case errors.As(err, &order):
		return err
	case err != nil:
		return &registry.InvalidError{Reason: err.Error()}
	}
	return tx.InsertStatement(s.Sequence, s.Digest, s.AppendJSON(nil))
}
