// Package reader answers what was published: checkpoints, records, names,
// contents and proofs. It depends on the store and on Trillian's proofs, never on
// what the publisher has in memory.
package reader

import (
	"context"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RecordsLog is what is asked of the records log.
type RecordsLog interface {
	// InclusionProof returns the RFC 6962 path, 32 bytes a hash, of the leaf at
	// an index in the log of some size.
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
	Index    *index.Tree // the package index, over the tiles in Store
	Contents Contents
	// NextCheckpoint returns a channel that is closed when this process makes
	// another checkpoint; nil where it makes none. It only saves waiting.
	NextCheckpoint func() <-chan struct{}
	// Pinged asks whether the records log can be read now.
	PingRecords func(context.Context) error
}

// Reader reads what is published. Safe for concurrent use.
type Reader struct{ Options }

// New returns a reader.
func New(o Options) *Reader {
	if o.NextCheckpoint == nil {
		o.NextCheckpoint = func() <-chan struct{} { return nil }
	}
	return &Reader{o}
}
