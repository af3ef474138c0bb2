// Package parts makes a registry of its three parts: admission accepts, the
// publisher publishes, the reader answers.
package parts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Contents is a content store.
type Contents interface {
	admission.Contents
	reader.Contents
}

// RecordsLog is the records log.
type RecordsLog interface {
	publisher.Log
	reader.RecordsLog
}

// Options are what several parts need, and the parts' own options. What stands
// here wins over what stands there, except for the publisher's database: that is by
// default the part of Store that is reserved for it.
type Options struct {
	Store       *store.DB
	Records     RecordsLog
	Checkpoints publisher.Log // the checkpoints log
	Contents    Contents
	DownloadURL func(context.Context, protocol.Hash) (string, error) // see [reader.Options]
	Cache       *cache.Cache                                         // what is read or made is kept in it; nil: nothing is kept
	Keys        *signing.Keys                                        // that sign checkpoints and operator records
	// OnlyCosigned tells whether the notes to serve are those that a quorum of witnesses
	// has cosigned; nil: no.
	OnlyCosigned func() bool
	Now          func() time.Time
	Logger       *slog.Logger

	Admission admission.Options
	Publisher publisher.Options
}

// Registry is a registry. Safe for concurrent use.
type Registry struct {
	*admission.Admission
	*publisher.Publisher
	*reader.Reader

	store    *store.DB
	contents Contents
	index    *index.Tree
}

// Index is the package index, over the tiles in the store.
func (r *Registry) Index() *index.Tree { return r.index }

// New makes a registry. Nothing is published until [Registry.Run].
func New(o Options) *Registry {
	r := &Registry{store: o.Store, contents: o.Contents}
	a := o.Admission
	a.Store, a.Contents, a.Keys, a.Now, a.Logger = o.Store, o.Contents, o.Keys, o.Now, o.Logger
	a.RecordsLogSize = func(ctx context.Context) (uint64, error) {
		root, err := o.Records.Root(ctx)
		return root.Size, err
	}
	a.Accepted = func() { r.Publisher.Wake() }
	r.Admission = admission.New(a)

	p := o.Publisher
	if p.Store == nil {
		p.Store = o.Store.Reserved() // so that it does not wait for readers
	}
	tree := index.NewTree(o.Cache) // over the tiles in Store
	r.index = tree
	p.Records, p.Checkpoints, p.Index = o.Records, o.Checkpoints, tree
	p.Keys, p.Now, p.Logger = o.Keys, o.Now, o.Logger
	p.Restorer, p.Published = r.Admission, r.Admission.Published
	r.Publisher = publisher.New(p)

	r.Reader = reader.New(reader.Options{
		Store: o.Store, Records: o.Records, Index: tree, Contents: o.Contents, DownloadURL: o.DownloadURL, Cache: o.Cache,
		NextCheckpoint: r.Publisher.NextCheckpoint, OnlyCosigned: o.OnlyCosigned, Logger: o.Logger,
		LinkSources: a.LinkSources,
		Named: func(ctx context.Context, digests []protocol.Hash) (named map[protocol.Hash]bool, err error) {
			err = o.Store.View(ctx, func(tx *store.Tx) (err error) {
				named, err = tx.NamedContents(digests)
				return err
			})
			return named, err
		},
		PingRecords: func(ctx context.Context) error {
			_, err := o.Records.Root(ctx)
			return err
		},
	})
	return r
}

// Run publishes what is accepted until ctx ends, and then returns nil.
func (r *Registry) Run(ctx context.Context) error {
	var admitting sync.WaitGroup
	admitting.Go(func() { r.Admission.Run(ctx) })
	err := r.Publisher.Run(ctx)
	admitting.Wait()
	return err
}
