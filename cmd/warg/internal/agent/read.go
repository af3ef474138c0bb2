package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// backend is the agent as package ociserver wants it. Methods that it does not have are
// refused as unsupported.
type backend struct {
	*ociregistry.Funcs
	*Agent
}

func newBackend(a *Agent) backend {
	unsupported := func(_ context.Context, method, _ string) error {
		if method == "Repositories" {
			return refusal(ociregistry.ErrUnsupported, "the agent does not list its repositories")
		}
		return refusal(ociregistry.ErrUnsupported, "the agent has no %s: what was published can not be taken back; `warg publish yank` withdraws a version", method)
	}
	return backend{&ociregistry.Funcs{NewError: unsupported}, a}
}

func nameOf(repo string) (protocol.PackageName, error) {
	name, ok := ociimage.Name(repo)
	if !ok {
		return name, refusal(ociregistry.ErrNameUnknown, "no package is called %q here: it has to be <namespace>/<name>, both in kebab-case", repo)
	}
	return name, nil
}

// verified returns a package as the registry proves it now.
func (a *Agent) verified(ctx context.Context, repo string) (*client.Package, error) {
	name, err := nameOf(repo)
	if err != nil {
		return nil, err
	}
	return a.options.Registry.Package(ctx, name)
}

// Tags implements [ociregistry.Interface]: the versions that are not yanked, in lexical
// order.
func (b backend) Tags(ctx context.Context, repo string, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		p, err := b.verified(ctx, repo)
		if err != nil {
			yield("", err)
			return
		}
		var tags []string
		for release := range p.Releases() {
			if tag, ok := ociimage.Tag(release.Version); ok && release.Yank == nil {
				tags = append(tags, tag)
			}
		}
		if len(tags) == 0 {
			yield("", refusal(ociregistry.ErrNameUnknown, "package %s has no version that is not yanked", p.Name))
			return
		}
		slices.Sort(tags)
		for _, tag := range tags {
			if tag > after && !yield(tag, nil) {
				return
			}
		}
	}
}

// GetTag implements [ociregistry.Interface]. The content is here, and verified, when it
// returns.
func (b backend) GetTag(ctx context.Context, repo string, tag string) (ociregistry.BlobReader, error) {
	p, err := b.verified(ctx, repo)
	if err != nil {
		return nil, err
	}
	version, ok := ociimage.Version(tag)
	release, found := p.Release(version)
	switch {
	case !ok || !found:
		return nil, refusal(ociregistry.ErrManifestUnknown, "package %s has no version %s", p.Name, tag)
	case release.Yank != nil:
		return nil, refusal(ociregistry.ErrManifestUnknown, "version %s of %s was yanked at %v: whoever published it advises against its use", version, p.Name, release.Yank.Time.Std())
	}
	image, err := b.imageOf(ctx, p, release)
	if err != nil {
		return nil, err
	}
	return inMemory(ociimage.ManifestType, image.ManifestDigest, image.Manifest), nil
}

// ResolveTag implements [ociregistry.Interface].
func (b backend) ResolveTag(ctx context.Context, repo string, tag string) (ociregistry.Descriptor, error) {
	return describe(b.GetTag(ctx, repo, tag))
}

// GetManifest implements [ociregistry.Interface] for what was asked by its tag before.
func (b backend) GetManifest(ctx context.Context, repo string, text ociregistry.Digest) (ociregistry.BlobReader, error) {
	name, digest, err := nameAndDigest(repo, text)
	if err != nil {
		return nil, err
	}
	data, err := b.images.read(name, digest, manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refusal(ociregistry.ErrManifestUnknown, "the agent has not made a manifest with digest %s of %s yet: ask for the version first", digest, name)
	}
	if err != nil {
		return nil, err
	}
	return inMemory(ociimage.ManifestType, digest, data), nil
}

// ResolveManifest implements [ociregistry.Interface].
func (b backend) ResolveManifest(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.Descriptor, error) {
	return describe(b.GetManifest(ctx, repo, digest))
}

// GetBlob implements [ociregistry.Interface] for configs and contents.
func (b backend) GetBlob(ctx context.Context, repo string, text ociregistry.Digest) (ociregistry.BlobReader, error) {
	name, digest, err := nameAndDigest(repo, text)
	if err != nil {
		return nil, err
	}
	data, err := b.images.read(name, digest, configFile)
	if err == nil {
		return inMemory(ociimage.ConfigType, digest, data), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := b.demandLayer(ctx, name, digest); err != nil {
		return nil, err
	}
	f, err := b.content(ctx, digest)
	if err != nil {
		return nil, err
	}
	return inFile(f, digest)
}

// demandLayer demands that a content is of a release of a package.
func (b backend) demandLayer(ctx context.Context, name protocol.PackageName, digest protocol.Hash) error {
	if b.images.has(name, digest, layerFile) {
		return nil
	}
	p, err := b.options.Registry.Package(ctx, name)
	if err != nil {
		return err
	}
	for release := range p.Releases() {
		if release.Content == digest.Any() {
			return nil
		}
	}
	return refusal(ociregistry.ErrBlobUnknown, "no version of %s has content %s", name, digest)
}

// GetBlobRange implements [ociregistry.Interface].
func (b backend) GetBlobRange(ctx context.Context, repo string, digest ociregistry.Digest, from, to int64) (ociregistry.BlobReader, error) {
	whole, err := b.GetBlob(ctx, repo, digest)
	if err != nil {
		return nil, err
	}
	if size := whole.Descriptor().Size; from >= size {
		beyond := &rangeError{
			refusal(ociregistry.ErrRangeInvalid, "the content has %d bytes, none of them from %d on", size, from),
			"Content-Range", fmt.Sprintf("bytes */%d", size),
		}
		return nil, errors.Join(beyond, whole.Close())
	}
	return part(whole.(blobReader), from, to), nil
}

// ResolveBlob implements [ociregistry.Interface].
func (b backend) ResolveBlob(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.Descriptor, error) {
	desc, err := describe(b.GetBlob(ctx, repo, digest))
	if err == nil || b.options.Signer == nil {
		return desc, err
	}
	// What was pushed to a package is there before it is released: pushing clients look, and
	// so do not push it once more. It is handed on when it is released.
	name, pushed, e := nameAndDigest(repo, digest)
	if e != nil || !b.images.has(name, pushed, pushedFile) {
		return desc, err
	}
	if f, e := b.blobs.open(pushed); e == nil {
		return describe(inFile(f, pushed))
	}
	return desc, err
}

// content opens a content, which is fetched and verified first if it is not here.
func (a *Agent) content(ctx context.Context, digest protocol.Hash) (*os.File, error) {
	f, err := a.blobs.open(digest)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := a.options.Registry.DownloadFile(ctx, digest, a.blobs.path(digest)); err != nil {
		return nil, err
	}
	if f, err = a.blobs.open(digest); err != nil {
		return nil, err
	}
	if err := a.blobs.trim(digest); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// imageOf returns the image of a release of a package, for which the content must be here.
func (a *Agent) imageOf(ctx context.Context, p *client.Package, release protocol.Release) (image ociimage.Image, err error) {
	digest, err := release.Content.Hash()
	if err != nil {
		return image, refusal(ociregistry.ErrManifestUnknown, "version %s of %s has a content that nobody can have: %v", release.Version, p.Name, err)
	}
	f, err := a.content(ctx, digest)
	if err != nil {
		return image, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	key := built{p.Name.String(), release.Version, release.RecordID}
	if image, ok := a.built.Get(key); ok {
		return image, a.images.restore(p.Name, digest, image)
	}
	index, err := a.options.Registry.RecordIndex(ctx, p, release.RecordID)
	if err != nil {
		return image, err
	}
	contents, err := ociimage.Describe(ctx, f)
	if err != nil {
		return image, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return image, err
	}
	image = ociimage.New(ociimage.Release{
		Name: p.Name, Version: release.Version, Record: release.RecordID, Index: index, Time: release.Time,
		Content: digest, Size: size, Contents: contents,
	})
	if err := a.images.add(p.Name, digest, image); err != nil {
		return image, err
	}
	a.built.Add(key, image)
	return image, nil
}
