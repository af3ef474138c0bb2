package oci

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	// recordsPerRead is how many records of a package are read at a time.
	recordsPerRead = 1000
	// largePackage is from how many releases on a package is a large one. One request at a
	// time reads what is new of large ones; those that wait meanwhile share what it has read.
	largePackage = recordsPerRead
	// maxReleases bounds what is shown of one package: 35 MB in memory.
	maxReleases = 100_000
)

// packages keeps what is published of packages. Safe for concurrent use.
type packages struct {
	cache *cache.Map[protocol.Hash, *releases] // one may have an eighth of the cache: of 48 MiB, 17,000 releases
	turn  chan struct{}                        // to read of a large package
	// last is the large package that was read last and is too large for the cache: without it,
	// each request would read the whole package again.
	last     atomic.Pointer[releases]
	keepLast bool
}

func newPackages(c *cache.Cache) *packages {
	return &packages{
		cache: cache.NewMap[protocol.Hash](c, 2, (*releases).size), turn: make(chan struct{}, 1), keepLast: c != nil,
	}
}

// get returns what is known of a package; it may be nothing.
func (k *packages) get(name protocol.PackageName) *releases {
	known, ok := k.cache.Get(name.LogID())
	if !ok {
		known = &releases{name: name, byVersion: map[string]int{}, images: &digests{}}
	}
	if last := k.last.Load(); last != nil && last.name == name && len(last.all) > len(known.all) {
		return last
	}
	return known
}

func (k *packages) put(p *releases) {
	id := p.name.LogID()
	k.cache.Put(id, p)
	if kept, ok := k.cache.Get(id); k.keepLast && len(p.all) >= largePackage && (!ok || kept != p) {
		k.last.Store(p)
	}
}

// repository returns what is published of a package below the newest checkpoint. Errors
// are [ociregistry.ErrNameUnknown], a [*registry.TooLargeError] for a package of more than
// 100,000 releases, and those of the reading part.
func (g *Registry) repository(ctx context.Context, repo string) (*releases, error) {
	unknown := refuse(ociregistry.ErrNameUnknown, "this registry has no package for the repository %s", repo)
	name, ok := ociimage.Name(repo)
	if !ok {
		return nil, unknown
	}
	checkpoint, err := g.reader.LatestCheckpoint(ctx)
	if _, none := errors.AsType[*registry.CheckpointNotFoundError](err); none {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	p, err := g.follow(ctx, name, checkpoint.Contents.LogLength)
	if _, none := errors.AsType[*registry.LogNotFoundError](err); none {
		return nil, unknown
	}
	return p, err
}

// follow reads the records of a package behind those that are known, up to a length of
// the records log.
func (g *Registry) follow(ctx context.Context, name protocol.PackageName, length uint64) (*releases, error) {
	known := g.packages.get(name)
	records, more, err := g.page(ctx, known, length)
	switch {
	case err != nil:
		return nil, err
	case more || len(records) > 0 && len(known.all) >= largePackage:
		return g.followLarge(ctx, name, length)
	case len(records) == 0:
		return known, nil
	}
	next := known.clone()
	if err := next.add(records); err != nil {
		return nil, err
	}
	g.packages.put(next)
	return next, nil
}

// followLarge is follow where there is much to be read, or to be copied.
func (g *Registry) followLarge(ctx context.Context, name protocol.PackageName, length uint64) (*releases, error) {
	select {
	case g.packages.turn <- struct{}{}:
		defer func() { <-g.packages.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	known := g.packages.get(name) // others have read some meanwhile
	next := known
	for more := true; more; {
		var records []reader.PublishedRecord
		var err error
		if records, more, err = g.page(ctx, next, length); err != nil {
			return nil, err
		}
		if next == known && len(records) > 0 {
			next = known.clone()
		}
		if err := next.add(records); err != nil {
			return nil, err
		}
		if len(next.all) > maxReleases {
			return nil, &registry.TooLargeError{Reason: fmt.Sprintf("%s has more than %d releases, too many to be shown over OCI: use the warg client", name, maxReleases)}
		}
	}
	if next != known {
		g.packages.put(next)
	}
	return next, nil
}

// page reads some of the records behind those that are known. There may be more, and more
// may follow none.
func (g *Registry) page(ctx context.Context, known *releases, length uint64) (records []reader.PublishedRecord, more bool, err error) {
	query := reader.FetchLogsRequest{
		LogLength: length, Limit: recordsPerRead,
		Packages: []reader.PackageLogCursor{{LogID: known.name.LogID(), FetchToken: known.head}},
	}
	if token := g.operator.Load(); token != nil {
		query.Operator = *token
	}
	found, err := g.reader.FetchLogs(ctx, query)
	if err != nil {
		return nil, false, err
	}
	if n := len(found.Operator); n > 0 { // of no interest, and not to be read again
		token := found.Operator[n-1].RecordID.String()
		g.operator.Store(&token)
	}
	for _, log := range found.Packages {
		records = append(records, log.Records...)
	}
	return records, found.More, nil
}
