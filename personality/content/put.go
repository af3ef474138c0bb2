package content

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Put stores what r holds under its digest and returns its size in bytes. The
// content is on disk when Put returns, and nobody sees it before it is whole and
// check (which may be nil) has allowed it. Storing the same content again is
// fine, at the same time too, and keeps it from being collected as [Folder.Hold] does.
//
// It reads r as the content is written, 32 KiB or less at a time: who wants to know
// how far it is counts what is read from r.
//
// It fails with [*TooLargeError], [*MismatchError], what check returns, the error
// of r or of ctx, [*NoSpaceError] or [*UnavailableError] if the folder takes nothing,
// or another error of the file system; nothing is stored then. The digest is compared
// before check is asked: whoever sends other bytes cannot have a policy reject the
// record that needs this content.
func (f *Folder) Put(ctx context.Context, digest protocol.Hash, r io.Reader, check Check) (size int64, err error) {
	tmp, size, err := f.take(ctx, digest, r, check)
	if err != nil {
		return 0, err
	}
	defer f.drop(tmp)
	if err := f.publish(tmp, digest); err != nil {
		return 0, fmt.Errorf("storing content %s: %w", digest, f.unavailable(err))
	}
	return size, nil
}

// take receives content into a file in tmp/ that nobody else sees, and has it checked.
// The file is to be dropped, or published.
func (f *Folder) take(ctx context.Context, digest protocol.Hash, r io.Reader, check Check) (tmp partialFile, size int64, err error) {
	if err := f.enoughSpace(); err != nil {
		return nil, 0, fmt.Errorf("storing content %s: %w", digest, err)
	}
	file, err := f.fs.CreateTemp(f.tmp, "upload-*")
	if err != nil {
		return nil, 0, fmt.Errorf("storing content %s: %w", digest, f.unavailable(err))
	}
	defer func() {
		if tmp == nil { // also if check panics
			f.drop(file)
		}
	}()
	if size, err = f.receive(ctx, file, digest, r); err != nil {
		return nil, 0, err
	}
	if check != nil {
		if err := check(ctx, file, size); err != nil {
			return nil, 0, fmt.Errorf("checking content %s: %w", digest, err)
		}
	}
	return file, size, nil
}

// drop removes what take has made, in vain once it is published.
func (f *Folder) drop(tmp partialFile) {
	tmp.Close()
	f.fs.Remove(tmp.Name())
}

// receive copies r to tmp and compares size and digest.
func (f *Folder) receive(ctx context.Context, tmp partialFile, digest protocol.Hash, r io.Reader) (int64, error) {
	limit := f.options.MaxSize
	if limit <= 0 {
		limit = math.MaxInt64 - 1
	}
	source := &sourceReader{ctx: ctx, r: r}
	hash := sha256.New()
	// One byte beyond the limit is enough to know.
	size, err := io.Copy(io.MultiWriter(&spaceWriter{f: f, w: tmp}, hash), io.LimitReader(source, limit+1))
	switch {
	case source.err != nil:
		return 0, fmt.Errorf("receiving content %s after %d bytes: %w", digest, size, source.err)
	case err != nil:
		return 0, fmt.Errorf("storing content %s after %d bytes: %w", digest, size, f.unavailable(err))
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
func (f *Folder) publish(tmp partialFile, digest protocol.Hash) error {
	if err := tmp.Chmod(f.fileMode()); err != nil {
		return err
	}
	// It is new from now on, however long the check took.
	if err := f.fs.Touch(tmp.Name(), time.Now()); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := f.fs.Rename(tmp.Name(), f.path(digest)); err != nil {
		return err
	}
	return f.fs.SyncFolder(f.files)
}

// spaceStretch is how many bytes are written between two looks at the free space.
const spaceStretch = 8 << 20

// spaceWriter writes to w while enough of the disk is free.
type spaceWriter struct {
	f       *Folder
	w       io.Writer
	written int64 // since the last look
}

func (s *spaceWriter) Write(p []byte) (int, error) {
	if s.written += int64(len(p)); s.written > spaceStretch {
		s.written = 0
		if err := s.f.enoughSpace(); err != nil {
			return 0, err
		}
	}
	return s.w.Write(p)
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
