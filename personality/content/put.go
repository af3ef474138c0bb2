package content

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Put stores what r holds under its digest and returns its size in bytes. The
// content is on disk when Put returns, and nobody sees it before it is whole and
// check (which may be nil) has allowed it. Storing the same content again is
// fine, at the same time too.
//
// It fails with [*TooLargeError], [*MismatchError], what check returns, the error
// of r or of ctx, or an error of the file system; nothing is stored then. The
// digest is compared first: whoever sends other bytes cannot have a policy reject
// the record that needs this content.
func (f *Folder) Put(ctx context.Context, digest protocol.Hash, r io.Reader, check Check) (size int64, err error) {
	tmp, err := os.CreateTemp(f.tmp, "upload-*")
	if err != nil {
		return 0, fmt.Errorf("storing content %s: %w", digest, err)
	}
	defer os.Remove(tmp.Name()) // in vain once it is renamed
	defer tmp.Close()

	size, err = f.receive(ctx, tmp, digest, r)
	if err != nil {
		return 0, err
	}
	if check != nil {
		if err := check(ctx, tmp, size); err != nil {
			return 0, fmt.Errorf("checking content %s: %w", digest, err)
		}
	}
	if err := f.publish(tmp, digest); err != nil {
		return 0, fmt.Errorf("storing content %s: %w", digest, err)
	}
	return size, nil
}

// receive copies r to tmp and compares size and digest.
func (f *Folder) receive(ctx context.Context, tmp *os.File, digest protocol.Hash, r io.Reader) (int64, error) {
	limit := f.maxSize
	if limit <= 0 {
		limit = math.MaxInt64 - 1
	}
	source := &sourceReader{ctx: ctx, r: r}
	hash := sha256.New()
	// One byte beyond the limit is enough to know.
	size, err := io.Copy(io.MultiWriter(tmp, hash), io.LimitReader(source, limit+1))
	switch {
	case source.err != nil:
		return 0, fmt.Errorf("receiving content %s after %d bytes: %w", digest, size, source.err)
	case err != nil:
		return 0, fmt.Errorf("storing content %s after %d bytes: %w", digest, size, err)
	case size > limit:
		return 0, &TooLargeError{Limit: limit}
	}
	if actual := protocol.Hash(hash.Sum(nil)); actual != digest {
		return 0, &MismatchError{Actual: actual, Expected: digest}
	}
	return size, nil
}

// publish gives the complete file tmp its final name. Content is durable before
// the name is, and the name before anyone is told.
func (f *Folder) publish(tmp *os.File, digest protocol.Hash) error {
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), f.path(digest)); err != nil {
		return err
	}
	return syncFolder(f.files)
}

// sourceReader reads r until ctx ends. It remembers the error, which io.Copy
// would mix up with those of the writer.
type sourceReader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
