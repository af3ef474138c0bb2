package reader

import (
	"context"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// Withheld returns the operator's statements on content from a number on, a page of them.
func (r *Reader) Withheld(ctx context.Context, from uint64) (withheld.Page, error) {
	return read(ctx, &r.database, func(tx *store.Tx) (page withheld.Page, err error) {
		if page.Origin, err = registry.Origin(tx); err != nil {
			return page, err
		}
		if page.Total, err = tx.StatementCount(); err != nil {
			return page, err
		}
		page.Statements, err = registry.Statements(tx, from, withheld.MaxPage)
		return page, err
	})
}

// CheckWithheld returns a *[registry.WithheldError] if the operator withholds a content. It
// is asked of the database each time: a statement counts at once, in every process, and
// nothing is handed out while that can not be asked.
func (r *Reader) CheckWithheld(ctx context.Context, digest protocol.Hash) error {
	verdict, err := readOne(ctx, &r.database, func(tx *store.Tx) (error, error) {
		err := registry.CheckWithheld(tx, digest)
		if _, ok := err.(*registry.WithheldError); ok {
			return err, nil
		}
		return nil, err
	})
	if err != nil {
		return err
	}
	return verdict
}
