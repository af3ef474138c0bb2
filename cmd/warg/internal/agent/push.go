package agent

import (
	"context"
	"errors"
	"io"
	"os"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PushBlob implements [ociregistry.Interface].
func (b backend) PushBlob(ctx context.Context, repo string, desc ociregistry.Descriptor, r io.Reader) (_ ociregistry.Descriptor, err error) {
	w, err := b.PushBlobChunked(ctx, repo, 0)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err := io.Copy(w, r); err != nil {
		return ociregistry.Descriptor{}, err
	}
	return w.Commit(desc.Digest)
}

// PushBlobChunked implements [ociregistry.Interface].
func (b backend) PushBlobChunked(_ context.Context, repo string, _ int) (ociregistry.BlobWriter, error) {
	name, err := b.pushable(repo)
	if err != nil {
		return nil, err
	}
	w, err := b.uploads.begin()
	if err != nil {
		return nil, err
	}
	return blobWriter{w, b.Agent, name}, nil
}

// PushBlobChunkedResume implements [ociregistry.Interface].
func (b backend) PushBlobChunkedResume(_ context.Context, repo, id string, offset int64, length int) (ociregistry.BlobWriter, error) {
	name, err := b.pushable(repo)
	if err != nil {
		return nil, err
	}
	w, err := b.uploads.resume(id, offset, length)
	if err != nil {
		return nil, err
	}
	return blobWriter{w, b.Agent, name}, nil
}

// MountBlob implements [ociregistry.Interface]: what one package has, or was pushed to it, need
// not be pushed to another one.
func (b backend) MountBlob(ctx context.Context, from, repo string, text ociregistry.Digest) (ociregistry.Descriptor, error) {
	name, err := b.pushable(repo)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	digest, err := hashOf(text)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	desc, err := b.ResolveBlob(ctx, from, text)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	if _, err := os.Stat(b.blobs.path(digest)); err != nil { // a config that follows from a record
		return ociregistry.Descriptor{}, refusal(ociregistry.ErrBlobUnknown, "content %s is not here: upload it", digest)
	}
	return desc, b.images.pushed(name, digest)
}

// blobWriter implements [ociregistry.BlobWriter].
type blobWriter struct {
	*upload
	agent *Agent
	name  protocol.PackageName
}

// Size implements [ociregistry.BlobWriter].
func (w blobWriter) Size() int64 { return w.size }

// ChunkSize implements [ociregistry.BlobWriter]: any size will do.
func (w blobWriter) ChunkSize() int { return 1 }

// ID implements [ociregistry.BlobWriter].
func (w blobWriter) ID() string { return w.id }

// Cancel implements [ociregistry.BlobWriter].
func (w blobWriter) Cancel() error { return w.Close() }

// Commit implements [ociregistry.BlobWriter].
func (w blobWriter) Commit(text ociregistry.Digest) (ociregistry.Descriptor, error) {
	digest, err := hashOf(text)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	path, err := w.finish(digest)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	if err := w.agent.blobs.adopt(path, digest); err != nil {
		return ociregistry.Descriptor{}, err
	}
	return ociregistry.Descriptor{Digest: text, Size: w.size}, w.agent.images.pushed(w.name, digest)
}
