package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A record that stands in the way of ours is waited for: these times, with these pauses,
// doubled each time.
const (
	attempts   = 8
	firstPause = 100 * time.Millisecond
)

// pushable returns the name of a package that may be pushed to.
func (a *Agent) pushable(repo string) (protocol.PackageName, error) {
	name, err := nameOf(repo)
	if err == nil && a.options.Signer == nil {
		err = refusal(ociregistry.ErrDenied, "the agent runs without a signing key, and publishes nothing: start it with one")
	}
	return name, err
}

// PushManifest implements [ociregistry.Interface]: it releases the layer of the manifest
// as the version that is the tag, and returns when the release is published and proved.
// The descriptor is that of the manifest that the release has, not of the one that was
// pushed.
func (b backend) PushManifest(ctx context.Context, repo, tag string, pushed []byte, mediaType string) (desc ociregistry.Descriptor, err error) {
	name, err := b.pushable(repo)
	if err != nil {
		return desc, err
	}
	version, ok := ociimage.Version(tag)
	if !ok {
		return desc, refusal(ociregistry.ErrManifestInvalid, "the tag %q of %s is not a semantic version such as 1.0.0", tag, name)
	}
	digest, size, lost, err := layerOf(pushed, mediaType, version)
	if err != nil {
		return desc, err
	}
	if err := b.demandSize(digest, size); err != nil {
		return desc, err
	}
	p, err := b.release(ctx, name, version, digest)
	if err != nil {
		return desc, err
	}
	release, ok := p.Release(version)
	if !ok || release.Content != digest.Any() {
		return desc, fmt.Errorf("%s %s was released and is not there", name, version)
	}
	image, err := b.imageOf(ctx, p, release)
	if err != nil {
		return desc, err
	}
	b.log.Info("published", "package", name, "version", version, "content", digest, "record", release.RecordID, "manifest", image.ManifestDigest, "lost", lost)
	warn(ctx, fmt.Sprintf("%s %s is published with the manifest %s, which follows from its record: the pushed one is not kept, nor %s", name, version, image.ManifestDigest, lost))
	return ociregistry.Descriptor{
		MediaType: ociimage.ManifestType, Digest: ociregistry.Digest(image.ManifestDigest.String()), Size: int64(len(image.Manifest)),
	}, nil
}

// demandSize demands that a content has a size, if it is here.
func (a *Agent) demandSize(digest protocol.Hash, size int64) error {
	info, err := os.Stat(a.blobs.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() != size {
		err = refusal(ociregistry.ErrSizeInvalid, "the layer %s has %d bytes, not %d as the manifest says", digest, info.Size(), size)
	}
	return err
}

// layerOf returns the digest and size of the only layer of a manifest, and which parts of the
// manifest a release does not have.
func layerOf(data []byte, mediaType, version string) (digest protocol.Hash, size int64, lost string, err error) {
	var m ociregistry.Manifest
	if mediaType != ociimage.ManifestType {
		return digest, 0, "", refusal(ociregistry.ErrManifestInvalid, "a release is pushed as %s, not %s", ociimage.ManifestType, mediaType)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return digest, 0, "", refusal(ociregistry.ErrManifestInvalid, "the manifest can not be read: %v", err)
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != ociimage.LayerType {
		return digest, 0, "", refusal(ociregistry.ErrManifestInvalid, "a release has one layer of the type %s and no other", ociimage.LayerType)
	}
	if said, ok := m.Annotations[ociimage.AnnotationVersion]; ok && said != version {
		return digest, 0, "", refusal(ociregistry.ErrManifestInvalid, "the manifest is annotated as version %q, and pushed as %s", said, version)
	}
	if digest, err = hashOf(m.Layers[0].Digest); err != nil {
		return digest, 0, "", err
	}
	delete(m.Annotations, ociimage.AnnotationVersion)
	if len(m.Annotations) == 0 {
		return digest, m.Layers[0].Size, "its config", nil
	}
	return digest, m.Layers[0].Size, fmt.Sprintf("its config and its %d further annotations", len(m.Annotations)), nil
}

// release releases a content as a version of a package, with the record that begins the
// package if it is new. It is well if that has happened before. It returns the package
// with the release.
func (a *Agent) release(ctx context.Context, name protocol.PackageName, version string, digest protocol.Hash) (*client.Package, error) {
	done, err := a.turns.take(ctx, name.String())
	if err != nil {
		return nil, err
	}
	defer done()
	for attempt := 1; ; attempt++ {
		p, err := a.tryRelease(ctx, name, version, digest)
		if _, conflict := errors.AsType[*client.ConflictError](err); !conflict || attempt == attempts {
			return p, err
		}
		a.log.Info("another record took the place of ours: once more", "package", name, "reason", err)
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(firstPause << (attempt - 1)):
		}
	}
}

func (a *Agent) tryRelease(ctx context.Context, name protocol.PackageName, version string, digest protocol.Hash) (*client.Package, error) {
	// One reading says what is there and what the record stands on: another may begin the
	// package at any time.
	draft, err := a.options.Registry.Draft(ctx, name)
	if err != nil {
		return nil, asDenied(err)
	}
	if r, ok := draft.Release(version); ok && r.Content == digest.Any() {
		return a.options.Registry.Package(ctx, name)
	}
	entries := []protocol.PackageEntry{client.Release(version, digest)}
	if draft.Empty() {
		entries = append([]protocol.PackageEntry{client.Init(a.options.Signer.Public())}, entries...)
	}
	content, err := a.pushed(digest)
	if err != nil {
		return nil, err
	}
	record, err := draft.Sign(a.options.Signer, entries...)
	if err != nil {
		return nil, err
	}
	if err := a.options.Registry.Post(ctx, record, content); err != nil {
		return nil, err
	}
	return a.options.Registry.Wait(ctx, record)
}

// pushed returns the content that is to be released.
func (a *Agent) pushed(digest protocol.Hash) (client.Content, error) {
	content, err := client.ContentOfFile(a.blobs.path(digest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return content, refusal(ociregistry.ErrManifestBlobUnknown, "the layer %s is not here: upload it first", digest)
	case err == nil && content.Digest != digest:
		return content, fmt.Errorf("%s is damaged: delete it, and push again", a.blobs.path(digest))
	}
	return content, err
}

// asDenied says of a namespace that can not be published to what a reader is told with
// NAME_UNKNOWN: wkg would say that the package is not found.
func asDenied(err error) error {
	var missing *client.NotFoundError
	var elsewhere *client.ImportedNamespaceError
	if errors.As(err, &missing) || errors.As(err, &elsewhere) {
		return refusal(ociregistry.ErrDenied, "%v", err)
	}
	return err
}
