package personality

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// operatorKeysInterval is how often is looked whether the operator log still permits a key of
// this process to sign: another process may have taken the record that revokes it.
const operatorKeysInterval = 2 * time.Second

// watchOperatorKeys looks until ctx ends whether a key of this process may sign, and warns
// when none may any more. A process that does not lead would be told by nothing else before
// it has to take over, and then nobody signs.
func (s *Server) watchOperatorKeys(ctx context.Context) {
	ticks := time.NewTicker(operatorKeysInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		within, cancel := context.WithTimeout(ctx, operatorKeysInterval)
		permitted, err := s.registry.CheckpointSigners(within)
		cancel()
		if err != nil {
			continue // the parts that are asked for readiness say why
		}
		s.noteOperatorKeys(permitted)
	}
}

// noteOperatorKeys notes which keys may sign.
func (s *Server) noteOperatorKeys(permitted []protocol.KeyID) {
	lack := ""
	if _, ok := s.keys.Newest(permitted); !ok {
		lack = fmt.Sprintf("the operator keys of this process may not sign checkpoints, so it publishes nothing itself: the operator log permits %v, and it has %v; give it the right one with --operator-key-file", permitted, s.keys.IDs())
	}
	before, _ := s.keysLack.Swap(lack).(string)
	switch {
	case lack != "" && before == "":
		s.options.Logger.Warn("no operator key of this process may sign any more; give it one that the operator log permits", "permitted", permitted, "key_ids", s.keys.IDs())
	case lack == "" && before != "":
		s.options.Logger.Info("an operator key of this process may sign again", "key_ids", s.keys.IDs())
	}
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
