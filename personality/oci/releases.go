package oci

import (
	"fmt"
	"maps"
	"slices"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// release is a version of a package.
type release struct {
	version string
	content protocol.Hash
	record  protocol.Hash
	index   uint64 // of the record in the records log
	time    protocol.Time
	yanked  bool
}

// releases are what is published of a package, as of one of its records. It is not
// changed once others have it: what comes later is added to a copy.
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

// clone returns a copy to which records can be added.
func (p *releases) clone() *releases {
	return &releases{name: p.name, head: p.head, all: slices.Clone(p.all), byVersion: maps.Clone(p.byVersion), images: p.images}
}

// add adds the next records, to what nobody else has yet.
func (p *releases) add(records []reader.PublishedRecord) error {
	for _, r := range records {
		if err := p.apply(r); err != nil {
			return fmt.Errorf("record %s of %s: %w", r.RecordID, p.name, err)
		}
		p.head = r.RecordID.String()
	}
	return nil
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
