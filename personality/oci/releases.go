package oci

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// recordsPerRead is how many records of a package are read at a time.
const recordsPerRead = 1000

// release is a version of a package.
type release struct {
	version string
	content protocol.Hash
	record  protocol.Hash
	index   uint64 // of the record in the records log
	time    protocol.Time
	yanked  bool
}

// releases are what is published of a package, as of one of its records. What begins
// with all is never changed: what comes later makes a copy.
type releases struct {
	name      protocol.PackageName
	head      string         // fetch token of that record
	all       []release      // in the order of the log
	byVersion map[string]int // place in all
	images    *digests       // of all, shared with later copies
}

// size is about how many bytes are kept of a package.
func (p *releases) size() int64 {
	const each = 350 // with the version twice, its place, and digests
	return 300 + each*int64(len(p.all))
}

// tagged returns the place of the release that a tag stands for.
func (p *releases) tagged(tag string) (int, error) {
	version, ok := ociimage.Version(tag)
	i, released := p.byVersion[version]
	switch {
	case !ok || !released:
		return 0, refuse(ociregistry.ErrManifestUnknown, "%s has no release with the tag %s", p.name, tag)
	case p.all[i].yanked:
		return 0, refuse(ociregistry.ErrManifestUnknown, "version %s of %s is yanked", version, p.name)
	}
	return i, nil
}

// tags returns the tags of all releases that are not yanked, in lexical order.
func (p *releases) tags() []string {
	var tags []string
	for _, r := range p.all {
		if tag, ok := ociimage.Tag(r.version); ok && !r.yanked {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// has tells whether a release of the package, yanked or not, has a content.
func (p *releases) has(content protocol.Hash) bool {
	return slices.ContainsFunc(p.all, func(r release) bool { return r.content == content })
}

// with returns the releases after some more records.
func (p *releases) with(records []reader.PublishedRecord) (*releases, error) {
	if len(records) == 0 {
		return p, nil
	}
	next := &releases{
		name: p.name, head: records[len(records)-1].RecordID.String(),
		all: slices.Clone(p.all), byVersion: maps.Clone(p.byVersion), images: p.images,
	}
	for _, r := range records {
		if err := next.apply(r); err != nil {
			return nil, fmt.Errorf("record %s of %s: %w", r.RecordID, p.name, err)
		}
	}
	return next, nil
}

// apply adds what a record says. It was validated before it was published.
func (p *releases) apply(r reader.PublishedRecord) error {
	record, err := protocol.DecodePackageRecord(r.Envelope.Content)
	if err != nil {
		return err
	}
	for _, entry := range record.Entries {
		switch entry.Type {
		case protocol.EntryRelease:
			content, err := entry.Content.Hash()
			if err != nil {
				return err
			}
			p.byVersion[entry.Version] = len(p.all)
			p.all = append(p.all, release{entry.Version, content, r.RecordID, r.RegistryIndex, record.Time, false})
		case protocol.EntryYank:
			if i, ok := p.byVersion[entry.Version]; ok {
				p.all[i].yanked = true
			}
		}
	}
	return nil
}

// repository returns what is published of a package below the newest checkpoint.
// Errors are [ociregistry.ErrNameUnknown] and those of the reading part.
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
	id := name.LogID()
	kept, ok := g.packages.Get(id)
	if !ok {
		kept = &releases{name: name, byVersion: map[string]int{}, images: &digests{}}
	}
	p, err := g.follow(ctx, kept, checkpoint.Contents.LogLength)
	if _, none := errors.AsType[*registry.LogNotFoundError](err); none {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	if p != kept {
		g.packages.Put(id, p)
	}
	return p, nil
}

// follow reads the records of a package behind those that are known, up to a length of
// the records log.
func (g *Registry) follow(ctx context.Context, p *releases, length uint64) (*releases, error) {
	for {
		query := reader.FetchLogsRequest{
			LogLength: length, Limit: recordsPerRead,
			Packages: []reader.PackageLogCursor{{LogID: p.name.LogID(), FetchToken: p.head}},
		}
		if token := g.operator.Load(); token != nil {
			query.Operator = *token
		}
		found, err := g.reader.FetchLogs(ctx, query)
		if err != nil {
			return nil, err
		}
		if n := len(found.Operator); n > 0 { // of no interest, and not to be read again
			token := found.Operator[n-1].RecordID.String()
			g.operator.Store(&token)
		}
		for _, log := range found.Packages {
			if p, err = p.with(log.Records); err != nil {
				return nil, err
			}
		}
		if !found.More {
			return p, nil
		}
	}
}
