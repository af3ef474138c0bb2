package agent

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// uploads is a folder of what is being uploaded, a file each, named by the id of the
// upload. An upload outlives the process: what was acknowledged of it is in its file.
type uploads struct {
	dir string
	max int64 // bytes of one
	now func() time.Time

	mu   sync.Mutex
	busy map[string]bool // guarded by mu; the uploads that a request is writing to
}

// uploadAge is how long an upload may rest before it is removed.
const uploadAge = 24 * time.Hour

// removeOld removes the uploads that nobody has gone on with.
func (u *uploads) removeOld() error {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && u.now().Sub(info.ModTime()) > uploadAge {
			err = os.Remove(filepath.Join(u.dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// begin begins an upload.
func (u *uploads) begin() (*upload, error) {
	if err := u.removeOld(); err != nil {
		return nil, err
	}
	id := rand.Text()
	f, err := os.OpenFile(filepath.Join(u.dir, id), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return u.enter(&upload{of: u, file: f, id: id})
}

// resume goes on with an upload at an offset, or where it is for -1. length is how many
// bytes follow, 0 if that is not known.
func (u *uploads) resume(id string, offset int64, length int) (*upload, error) {
	if !validID(id) {
		return nil, ociregistry.ErrBlobUploadUnknown
	}
	f, err := os.OpenFile(filepath.Join(u.dir, id), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refusal(ociregistry.ErrBlobUploadUnknown, "the agent knows no such upload (it forgets one after %v): push again", uploadAge)
	}
	if err != nil {
		return nil, err
	}
	w, err := u.enter(&upload{of: u, file: f, id: id, length: int64(length)})
	if err != nil {
		return nil, err
	}
	size, err := w.whole()
	if err == nil && (offset > size || offset > 0 && offset < size) {
		err = outOfPlace(size)
	}
	if err != nil {
		return nil, errors.Join(err, u.leave(w))
	}
	// A request without a range has offset 0, too, such as the one that ends an upload.
	w.start, w.size, w.ended = size, size, offset == 0 && size > 0
	return w, nil
}

func outOfPlace(size int64) error {
	return &rangeError{
		refusal(ociregistry.ErrRangeInvalid, "the upload has %d bytes: go on from there, or push again", size),
		"Range", fmt.Sprintf("0-%d", max(size-1, 0)),
	}
}

// validID says whether an id has the form that begin gives it: it is a file's name.
func validID(id string) bool {
	for _, c := range id {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(id) == len(rand.Text())
}

func (u *uploads) enter(w *upload) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[w.id] {
		return nil, errors.Join(refusal(ociregistry.ErrBlobUploadInvalid, "another request is writing to this upload"), w.file.Close())
	}
	if u.busy == nil {
		u.busy = map[string]bool{}
	}
	u.busy[w.id] = true
	return w, nil
}

func (u *uploads) leave(w *upload) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.busy, w.id)
	return w.file.Close()
}

// upload is an upload that a request writes to. It is for one goroutine at a time.
type upload struct {
	of     *uploads
	file   *os.File
	id     string
	start  int64 // size when the request began
	size   int64
	length int64 // of what the request brings; 0: unknown
	ended  bool  // nothing may be written
	err    error // of a write: the request is refused with it
	closed bool
	marked bool // a chunk has begun
}

// Write appends to the upload. What is refused is swallowed, and the reason given by Close
// and Commit: the server passes their errors on as they are.
func (w *upload) Write(p []byte) (int, error) {
	switch {
	case w.err != nil:
	case w.ended && len(p) > 0:
		w.err = outOfPlace(w.start)
	case w.size+int64(len(p)) > w.of.max:
		w.err = refusal(ociregistry.ErrSizeInvalid, "the content is larger than %d bytes, which the agent takes at most", w.of.max)
	default:
		if w.err = w.beginChunk(); w.err != nil {
			return len(p), nil
		}
		n, err := w.file.Write(p)
		w.size += int64(n)
		return n, err
	}
	return len(p), nil
}

// Close ends the request. The upload is as it was before if not all came that was to.
func (w *upload) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	var err error
	if written := w.size - w.start; w.err != nil || w.length > 0 && written > 0 && written != w.length {
		err = w.file.Truncate(w.start)
		w.size = w.start
	}
	if err == nil {
		err = w.endChunk()
	}
	return errors.Join(w.err, err, w.of.leave(w))
}

// finish demands that the upload has a digest, and returns the file, which is nobody's
// then. The upload has ended, whatever is returned.
func (w *upload) finish(digest protocol.Hash) (path string, err error) {
	if w.err != nil || w.closed {
		if err := w.Close(); err != nil {
			return "", err
		}
		return "", errors.New("the upload is closed")
	}
	path = filepath.Join(w.of.dir, w.id)
	hash := sha256.New()
	if err = w.endChunk(); err == nil {
		_, err = io.Copy(hash, io.NewSectionReader(w.file, 0, w.size))
	}
	if err == nil {
		err = w.file.Truncate(w.size) // what a killed process has left of a chunk
	}
	if err == nil {
		err = os.Remove(w.mark())
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if got := protocol.Hash(hash.Sum(nil)); err == nil && got != digest {
		err = refusal(ociregistry.ErrDigestInvalid, "what was uploaded has the digest %s, not %s", got, digest)
	}
	if err == nil {
		err = w.file.Sync() // what has a digest for a name is it, also after a power cut
	}
	w.closed = true
	if err = errors.Join(err, w.of.leave(w)); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// refusal is an error of OCI with a text of our own.
func refusal(kind ociregistry.Error, format string, args ...any) ociregistry.Error {
	return ociregistry.NewError(fmt.Sprintf(format, args...), kind.Code(), nil)
}
