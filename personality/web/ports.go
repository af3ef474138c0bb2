package web

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Index is what is asked of the discovery index.
type Index interface {
	Search(context.Context, discovery.Query) (discovery.Page, error)
	Facets(context.Context, discovery.Query) (discovery.Facets, error)
	Package(ctx context.Context, name string) (discovery.Package, error)
	Release(ctx context.Context, name, version string) (discovery.Release, error)
	WIT(ctx context.Context, name, version string) (discovery.WIT, error)
	Dependents(ctx context.Context, name, page string) (discovery.Page, error)
	Interface(ctx context.Context, name, page string) (discovery.Interface, error)
	// Known returns, of some names of interfaces, those of which Interface has something.
	Known(ctx context.Context, names []string) (map[string]bool, error)
	Key(ctx context.Context, id protocol.KeyID) (discovery.Key, error)
	// Log returns records of a package's log from a position on, and the position behind
	// them; 0 if there are no more.
	Log(ctx context.Context, name string, from uint64) (events []discovery.Event, next uint64, err error)
	Status(context.Context) (discovery.Status, error)
}

// Log is what is asked of what was published.
type Log interface {
	LatestCheckpoint(context.Context) (protocol.SignedCheckpoint, error)
	// Growth returns some checkpoints from the first to the newest, shortest first, spread
	// over the length of the log.
	Growth(ctx context.Context, points int) ([]protocol.TimestampedCheckpoint, error)
	// LogNote returns the newest note of a log that is served.
	LogNote(context.Context, tlog.Log) ([]byte, error)
}

// Access says who may read a private registry.
type Access interface {
	// Reader reports whether a token lets its bearer read. The link that it returns lets
	// whoever has it GET a path of the API for a while, without a token.
	Reader(token string) (link func(path string) string, ok bool)
}

// Policy returns whose cosignatures the registry asks for; nil: nobody's.
type Policy func() *witness.Policy
