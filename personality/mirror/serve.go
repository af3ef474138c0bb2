package mirror

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Of a registry of which some packages alone are served, the logs are here all the same:
// the roots are those of all. What is not served is as if it was not published.

// FetchLogs is [reader.Reader.FetchLogs] of the packages that are served.
func (m *Mirror) FetchLogs(ctx context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error) {
	if !m.options.Registry.Filter.LetsAllThrough() && len(q.Packages) > 0 {
		ids := make([]protocol.Hash, len(q.Packages))
		for i, cursor := range q.Packages {
			ids[i] = cursor.LogID
		}
		named, err := m.Names(ctx, ids)
		if err != nil {
			return reader.FetchLogsResponse{}, err
		}
		for _, of := range named {
			if of.Name == "" {
				return reader.FetchLogsResponse{}, &registry.LogNotFoundError{LogID: of.LogID}
			}
		}
	}
	return m.Reader.FetchLogs(ctx, q)
}

// Names is [reader.Reader.Names] of the packages that are served.
func (m *Mirror) Names(ctx context.Context, ids []protocol.Hash) ([]reader.NamedLog, error) {
	named, err := m.Reader.Names(ctx, ids)
	for i := range named {
		if named[i].Name != "" && !m.allows(named[i].Name) {
			named[i].Name = ""
		}
	}
	return named, err
}

func (m *Mirror) allows(text string) bool {
	name, err := protocol.ParsePackageName(text)
	return err == nil && m.options.Registry.Filter.Allows(name)
}

// mayServe tells whether a content is one of a package that is served.
func (m *Mirror) mayServe(ctx context.Context, digest protocol.Hash) (may bool, err error) {
	if m.options.Registry.Filter.LetsAllThrough() {
		return true, nil
	}
	err = m.options.Store.View(ctx, func(tx *store.Tx) error {
		names, err := tx.ReleasedBy(digest)
		may = false
		for _, name := range names {
			may = may || m.allows(name)
		}
		return err
	})
	return may, err
}

// served is how many records are published.
func (m *Mirror) served() uint64 {
	c, err := m.Reader.LatestCheckpoint(context.Background())
	if err != nil {
		return 0
	}
	return c.Contents.LogLength
}

// LatestCheckpoint implements [httpapi.Reader]. Before the first, the mirror is not there
// yet, which is another thing than a registry without one.
func (m *Mirror) LatestCheckpoint(ctx context.Context) (protocol.SignedCheckpoint, error) {
	c, err := m.Reader.LatestCheckpoint(ctx)
	if _, ok := errors.AsType[*registry.CheckpointNotFoundError](err); ok {
		err = &registry.UnavailableError{Part: "registry " + m.Domain, Reason: "its mirror is still being made", Err: err}
	}
	return c, err
}
