package oci

import (
	"bytes"
	"context"
	"iter"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// backend is what ociserver asks. Blobs are not asked of it: see [Registry.Blob].
type backend struct {
	*ociregistry.Funcs // refuses what is not here
	registry           *Registry
}

// unsupported refuses what changes a registry, and the list of all repositories.
func unsupported(_ context.Context, method, _ string) error {
	switch {
	case strings.HasPrefix(method, "Push") || method == "MountBlob":
		return refuse(ociregistry.ErrUnsupported, "this registry takes records that their maintainer has signed and no pushes: run `warg agent` on your machine and push to it")
	case strings.HasPrefix(method, "Delete"):
		return refuse(ociregistry.ErrUnsupported, "nothing is deleted from this registry: use `warg publish yank` to withdraw a release")
	}
	return refuse(ociregistry.ErrUnsupported, "this registry does not list its repositories")
}

// document is a manifest to be read.
type document struct {
	*bytes.Reader // which io.Copy needs no buffer for
	descriptor    ociregistry.Descriptor
}

func (d document) Descriptor() ociregistry.Descriptor { return d.descriptor }
func (document) Close() error                         { return nil }

func manifestOf(body []byte, digest protocol.Hash) document {
	return document{bytes.NewReader(body), ociregistry.Descriptor{
		MediaType: ociimage.ManifestType, Digest: ociregistry.Digest(digest.String()), Size: int64(len(body)),
	}}
}

// GetTag implements [ociregistry.Reader].
func (b *backend) GetTag(ctx context.Context, repo, tag string) (ociregistry.BlobReader, error) {
	return b.tagged(ctx, repo, tag)
}

// ResolveTag implements [ociregistry.Reader].
func (b *backend) ResolveTag(ctx context.Context, repo, tag string) (ociregistry.Descriptor, error) {
	d, err := b.tagged(ctx, repo, tag)
	return d.descriptor, err
}

func (b *backend) tagged(ctx context.Context, repo, tag string) (document, error) {
	p, err := b.registry.repository(ctx, repo)
	if err != nil {
		return document{}, err
	}
	i, err := p.tagged(tag)
	if err != nil {
		return document{}, err
	}
	image, err := b.registry.image(ctx, p, i)
	return manifestOf(image.Manifest, image.ManifestDigest), err
}

// GetManifest implements [ociregistry.Reader].
func (b *backend) GetManifest(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.BlobReader, error) {
	return b.manifest(ctx, repo, digest)
}

// ResolveManifest implements [ociregistry.Reader].
func (b *backend) ResolveManifest(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.Descriptor, error) {
	d, err := b.manifest(ctx, repo, digest)
	return d.descriptor, err
}

func (b *backend) manifest(ctx context.Context, repo string, text ociregistry.Digest) (document, error) {
	p, err := b.registry.repository(ctx, repo)
	if err != nil {
		return document{}, err
	}
	unknown := refuse(ociregistry.ErrManifestUnknown, "%s has no manifest with the digest %s", p.name, text)
	digest, err := protocol.ParseHash(string(text))
	if err != nil { // of another hash function
		return document{}, unknown
	}
	a, err := b.registry.listed(ctx, p, digest)
	if err != nil {
		return document{}, err
	}
	if a != nil && a.manifestDigest == digest {
		return manifestOf(a.manifest, digest), nil
	}
	i, err := b.registry.find(ctx, p, func(d imageDigests) bool { return d.manifest == digest })
	if err == nil && i < 0 {
		err = unknown
	}
	if err != nil {
		return document{}, err
	}
	image, err := b.registry.image(ctx, p, i)
	return manifestOf(image.Manifest, image.ManifestDigest), err
}

// Tags implements [ociregistry.Lister].
func (b *backend) Tags(ctx context.Context, repo, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		p, err := b.registry.repository(ctx, repo)
		if err != nil {
			yield("", err)
			return
		}
		if ctx.Value(noTags{}) != nil {
			return
		}
		for _, tag := range p.tags() {
			if tag > after && !yield(tag, nil) {
				return
			}
		}
	}
}

// Referrers implements [ociregistry.Lister]: the proof of a release is the only one, and
// nothing refers to what is not an image here.
func (b *backend) Referrers(ctx context.Context, repo string, subject ociregistry.Digest, artifactType string) iter.Seq2[ociregistry.Descriptor, error] {
	return func(yield func(ociregistry.Descriptor, error) bool) {
		d, ok, err := b.referrer(ctx, repo, subject, artifactType)
		if err != nil || ok {
			yield(d, err)
		}
	}
}

func (b *backend) referrer(ctx context.Context, repo string, subject ociregistry.Digest, artifactType string) (d ociregistry.Descriptor, ok bool, err error) {
	p, err := b.registry.repository(ctx, repo)
	if err != nil {
		return d, false, err
	}
	digest, err := protocol.ParseHash(string(subject))
	if err != nil || artifactType != "" && artifactType != ProofType {
		return d, false, nil
	}
	i, err := b.registry.find(ctx, p, func(d imageDigests) bool { return d.manifest == digest })
	if err != nil || i < 0 {
		return d, false, err
	}
	a, err := b.registry.proof(ctx, p, i)
	if err != nil || a == nil {
		return d, false, err
	}
	return a.descriptor(), true, nil
}
