package personality

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ErrNoOperatorKey: the registry has records, hence an operator key, and the
// options do not give it. Another key would be of no use to it.
var ErrNoOperatorKey = errors.New("the operator key of this registry is missing")

// makeOperatorKey makes the key of a new registry, if the options ask for it.
func (s *Server) makeOperatorKey(ctx context.Context, p parts.Options) error {
	if s.options.NewOperatorKey == nil {
		return nil
	}
	used, err := hasRecords(ctx, p)
	if err != nil {
		return err
	}
	if used || s.rebuilding {
		return ErrNoOperatorKey
	}
	s.options.OperatorKey, err = s.options.NewOperatorKey()
	return err
}

// lostRecords reports whether the log has records, and the database has none.
func lostRecords(ctx context.Context, p parts.Options) (bool, error) {
	err := p.Store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Log(protocol.OperatorLogID())
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	return hasRecords(ctx, p)
}

// hasRecords reports whether the operator log has begun, in the database or,
// should that be lost, in Trillian.
func hasRecords(ctx context.Context, p parts.Options) (bool, error) {
	err := p.Store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Log(protocol.OperatorLogID())
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return err == nil, err
	}
	root, err := p.Records.Root(ctx)
	return root.Size > 0, err
}
