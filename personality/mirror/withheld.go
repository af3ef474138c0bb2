package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

const (
	maxStatements = 100_000
	maxPage       = 4 << 20
)

// listError says that the upstream's list of withheld content does not hold.
type listError struct{ error }

// Unwrap returns what is wrong with it.
func (e *listError) Unwrap() error { return e.error }

// followList takes over the statements of the upstream's operator on content that is
// withheld, so that it is withheld here.
func (m *Mirror) followList(ctx context.Context) error {
	m.listed = m.options.Now()
	if m.options.Registry.IgnoreWithheld {
		return nil
	}
	first, err := m.page(ctx, withheld.PagePath(0))
	if errors.Is(err, errAbsent) {
		return nil // as the reference server answers
	}
	if err != nil {
		return err
	}
	known, err := m.statements(ctx)
	if err != nil || first.Total == 0 && len(known) == 0 {
		return err
	}
	origin, keys, err := m.listKeys(ctx)
	if err != nil {
		return err
	}
	_, all, err := withheld.Read(origin, keys, maxStatements, func(path string) (withheld.Page, error) {
		if path == withheld.PagePath(0) {
			return first, nil
		}
		return m.page(ctx, path)
	})
	if err != nil {
		if _, ok := errors.AsType[*withheld.KeyError](err); ok {
			return fmt.Errorf("the list of withheld content: %w; the mirror may not have that key yet", err)
		}
		if _, ok := errors.AsType[*withheld.ListError](err); ok {
			return &listError{err}
		}
		return err
	}
	if len(all) < len(known) {
		return &listError{fmt.Errorf("the list of withheld content has %d statements, and had %d: it went back", len(all), len(known))}
	}
	for i, s := range known {
		if s.Hash() != all[i].Hash() {
			return &listError{fmt.Errorf("the list of withheld content has another statement %d than before: it is forked", i)}
		}
	}
	restored, err := m.registry.RestoreStatements(ctx, all)
	if restored > 0 {
		m.options.Logger.Info("the upstream's operator has made statements on content, which count here, too", "statements", restored)
	}
	return err
}

func (m *Mirror) page(ctx context.Context, path string) (page withheld.Page, err error) {
	text, err := m.up.get(ctx, path, maxPage)
	if err == nil {
		err = page.UnmarshalJSON(text)
	}
	return page, err
}

// statements are those that are known.
func (m *Mirror) statements(ctx context.Context) (all []withheld.Signed, err error) {
	err = m.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		all, err = registry.Statements(tx, 0, maxStatements)
		return err
	})
	return all, err
}

// listKeys are the registry's identity and the keys that its statements may be signed by.
func (m *Mirror) listKeys(ctx context.Context) (origin protocol.Hash, keys withheld.Keys, err error) {
	err = m.options.Store.View(ctx, func(tx *store.Tx) error {
		if origin, err = registry.Origin(tx); err != nil {
			return err
		}
		log, err := registry.OperatorLog(tx, nil)
		if err == nil {
			keys = log.PublicKey
		}
		return err
	})
	return origin, keys, err
}
