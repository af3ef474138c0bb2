package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// described is what an image says of a content.
type described struct {
	length   int64 // bytes
	contents ociimage.Contents
}

func (d described) bytes() int64 {
	const each = 16 // of a string, beside its text
	size := int64(0)
	for _, names := range [][]string{d.contents.Imports, d.contents.Exports} {
		for _, name := range names {
			size += each + int64(len(name))
		}
	}
	return size
}

// describe reads what an image says of a content.
func (g *Registry) describe(ctx context.Context, digest protocol.Hash) (described, error) {
	if d, ok := g.contents.Get(digest); ok {
		return d, g.reader.CheckWithheld(ctx, digest)
	}
	content, _, err := g.reader.OpenContent(ctx, digest)
	if err != nil {
		return described{}, err
	}
	defer content.Close()
	var d described
	if d.length, err = content.Seek(0, io.SeekEnd); err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err == nil {
		d.contents, err = ociimage.Describe(ctx, content)
	}
	if err != nil {
		return described{}, fmt.Errorf("read content %s: %w", digest, err)
	}
	g.contents.Put(digest, d)
	return d, nil
}

// image makes the image of the release at a place.
func (g *Registry) image(ctx context.Context, p *releases, i int) (ociimage.Image, error) {
	r := p.all[i]
	d, err := g.describe(ctx, r.content)
	if err != nil {
		return ociimage.Image{}, err
	}
	image := ociimage.New(ociimage.Release{
		Name: p.name, Version: r.version, Record: r.record, Index: r.index, Time: r.time,
		Content: r.content, Size: d.length, Contents: d.contents,
	})
	p.images.set(i, imageDigests{image.ManifestDigest, image.ConfigDigest})
	return image, nil
}

// manyImages is from how many images on those that are made for one request are made for
// one request at a time: each takes some reading of its content.
const manyImages = 100

// find returns the place of the release whose image has a digest, that of its manifest
// or that of its config; -1 if there is none. Images are made, the newest first, as far as
// their digests are not known yet: once for each release, while the package is kept. If
// it is not among them, and the content of one is withheld, that is the error.
func (g *Registry) find(ctx context.Context, p *releases, of func(imageDigests) bool) (int, error) {
	i, unknown := p.images.find(len(p.all), of)
	if len(unknown) > manyImages {
		select {
		case g.many <- struct{}{}:
			defer func() { <-g.many }()
		case <-ctx.Done():
			return -1, ctx.Err()
		}
		i, unknown = p.images.find(len(p.all), of) // others have made some meanwhile
	}
	if i >= 0 {
		return i, nil
	}
	var hidden error
	for _, i := range unknown {
		if err := ctx.Err(); err != nil {
			return -1, err
		}
		image, err := g.image(ctx, p, i)
		if isMissing(err) {
			continue // its digests can not be known before it is back
		}
		if _, withheld := errors.AsType[*registry.WithheldError](err); withheld {
			hidden = err // it may be the one that is asked for
			continue
		}
		if err != nil {
			return -1, err
		}
		if of(imageDigests{image.ManifestDigest, image.ConfigDigest}) {
			return i, nil
		}
	}
	return -1, hidden
}

// isMissing tells whether an error is that a content is not here.
func isMissing(err error) bool {
	_, lost := errors.AsType[*registry.ContentLostError](err)
	_, gone := errors.AsType[*registry.ContentNotFoundError](err)
	return lost || gone
}

// imageDigests are the digests of an image.
type imageDigests struct{ manifest, config protocol.Hash }

// digests are those of the images of a package that were made so far. They never change,
// so that copies of what is published of a package can share them.
type digests struct {
	mu sync.Mutex
	at []imageDigests // guarded by mu; by the place of the release; zero: not known
}

// find returns the place of an image among the first so many, and -1 if it is not known,
// with the places of those that are not known, the last one first.
func (d *digests) find(count int, is func(imageDigests) bool) (place int, unknown []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := count - 1; i >= 0; i-- {
		switch {
		case i >= len(d.at) || d.at[i] == imageDigests{}:
			unknown = append(unknown, i)
		case is(d.at[i]):
			return i, nil
		}
	}
	return -1, unknown
}

func (d *digests) set(i int, of imageDigests) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i >= len(d.at) {
		d.at = append(d.at, make([]imageDigests, i+1-len(d.at))...)
	}
	d.at[i] = of
}
