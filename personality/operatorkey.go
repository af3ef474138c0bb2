package personality

import (
	"context"
	"errors"
	"slices"

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
	key, err := s.options.NewOperatorKey()
	s.options.OperatorKeys = []protocol.Signer{key}
	return err
}

// reloadOperatorKeys takes the keys that there are now. That one of them is permitted to
// sign is not asked: another process of this registry may have one that is.
func (s *Server) reloadOperatorKeys() error {
	if s.options.ReloadOperatorKeys == nil {
		return nil
	}
	keys, err := s.options.ReloadOperatorKeys()
	if err != nil {
		return err
	}
	before := s.keys.IDs()
	s.keys.Replace(keys...)
	if slices.Equal(before, s.keys.IDs()) {
		return nil
	}
	s.options.Logger.Info("these operator keys sign from now on, as the operator log permits", "key_ids", s.keys.IDs())
	return nil
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
