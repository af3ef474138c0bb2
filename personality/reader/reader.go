// Package reader answers what was published: checkpoints, records, names,
// contents and proofs. It depends on the store and on Trillian's proofs, never on
// what the publisher has in memory.
//
// Whatever it needs and cannot use now makes a *[registry.UnavailableError]
// within two seconds, from every method.
package reader

import (
	"context"
	"log/slog"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RecordsLog is what is asked of the records log.
type RecordsLog interface {
	// InclusionProof returns the RFC 6962 path, 32 bytes a hash, of the leaf at
	// an index in the log of some size. An error with a method
	// Unavailable() bool that returns true means that the log cannot be asked now.
	InclusionProof(ctx context.Context, index, size uint64) ([][]byte, error)
}

// Contents is what is asked of a content store.
type Contents interface {
	Open(ctx context.Context, digest protocol.Hash) (content.Content, error)
}

// Options are what a [Reader] reads from.
type Options struct {
	Store    *store.DB
	Records  RecordsLog
	Index    *index.Tree  // the package index, over the tiles in Store
	Cache    *cache.Cache // where to keep what was read; nil: nothing is kept
	Contents Contents
	// DownloadURL returns where a content that is kept may be fetched for a while; nil:
	// from this server alone.
	DownloadURL func(ctx context.Context, digest protocol.Hash) (string, error)
	// Named returns which of some digests are the content of a record that is
	// accepted or waits. Content that no record names is not served. nil: all
	// that is kept is served.
	Named func(ctx context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error)
	// LinkSources tells where else contents were fetched from.
	LinkSources bool
	// NextCheckpoint returns a channel that is closed when this process makes
	// another checkpoint; nil where it makes none. It only saves waiting.
	NextCheckpoint func() <-chan struct{}
	// OnlyCosigned tells whether the notes to serve are those that a quorum of witnesses
	// has cosigned; nil: no.
	OnlyCosigned func() bool
	// PingRecords asks whether the records log can be read now.
	PingRecords func(context.Context) error
	Logger      *slog.Logger // nil: [slog.Default]
}

// Reader reads what is published. Safe for concurrent use.
type Reader struct {
	options   Options
	database  database
	kept      kept
	large     *turns // of requests that name many leaves or logs
	bulky     *turns // of answers that have much
	lostNoted noted  // when lost content was last logged
}

// New returns a reader.
func New(o Options) *Reader {
	if o.NextCheckpoint == nil {
		o.NextCheckpoint = func() <-chan struct{} { return nil }
	}
	if o.OnlyCosigned == nil {
		o.OnlyCosigned = func() bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Reader{
		options:  o,
		database: database{store: o.Store, remote: o.Store.Remote()},
		kept:     newKept(o.Cache),
		large:    newTurns(largeAtOnce, largeWaiting, largeWait),
		bulky:    newTurns(bulkyAtOnce(), bulkyWaiting, largeWait),
	}
}
