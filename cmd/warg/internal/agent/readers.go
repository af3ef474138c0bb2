package agent

import (
	"bytes"
	"errors"
	"io"
	"os"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// blobReader implements [ociregistry.BlobReader].
type blobReader struct {
	io.Reader
	io.Closer
	at         io.ReaderAt // all of it
	descriptor ociregistry.Descriptor
}

// Descriptor implements [ociregistry.BlobReader].
func (b blobReader) Descriptor() ociregistry.Descriptor { return b.descriptor }

func inMemory(mediaType string, digest protocol.Hash, data []byte) ociregistry.BlobReader {
	r := bytes.NewReader(data)
	return blobReader{r, io.NopCloser(nil), r, ociregistry.Descriptor{
		MediaType: mediaType, Digest: ociregistry.Digest(digest.String()), Size: int64(len(data)),
	}}
}

// inFile takes the file, also if it returns an error.
func inFile(f *os.File, digest protocol.Hash) (ociregistry.BlobReader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return blobReader{f, f, f, ociregistry.Descriptor{
		MediaType: ociimage.LayerType, Digest: ociregistry.Digest(digest.String()), Size: info.Size(),
	}}, nil
}

// part returns the bytes from one offset to another of a blob; to the end if the other is
// negative or beyond it. The descriptor stays that of the whole.
func part(b blobReader, from, to int64) ociregistry.BlobReader {
	if size := b.descriptor.Size; to < 0 || to > size {
		to = size
	}
	b.Reader = io.NewSectionReader(b.at, from, max(0, to-from))
	return b
}

// describe returns what a blob says of itself, and closes it.
func describe(b ociregistry.BlobReader, err error) (ociregistry.Descriptor, error) {
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	return b.Descriptor(), b.Close()
}

func nameAndDigest(repo string, text ociregistry.Digest) (name protocol.PackageName, digest protocol.Hash, err error) {
	if name, err = nameOf(repo); err != nil {
		return name, digest, err
	}
	digest, err = hashOf(text)
	return name, digest, err
}

func hashOf(text ociregistry.Digest) (protocol.Hash, error) {
	digest, err := protocol.ParseHash(string(text))
	if err != nil {
		err = refusal(ociregistry.ErrDigestInvalid, "%q is not a SHA-256 digest such as the agent knows: %v", text, err)
	}
	return digest, err
}
