package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// leftoverAge is how long a temporary file must have been left alone to count as
// left over by an upload that was cut off. Several processes share a folder, so
// a young one may be an upload of another process.
const leftoverAge = 24 * time.Hour

// Folder stores contents in a folder of a file system, laid out as the reference
// server does: files/sha256-<64 hex digits> holds one content each, tmp/ the
// uploads that are under way. Several goroutines and processes may use the same
// folder at once.
type Folder struct {
	files   string
	tmp     string
	maxSize int64
}

// OpenFolder opens the content folder dir and makes it, readable by all, if it
// is not there. maxSize is the size in bytes of the largest content to store, 0
// for no limit. Leftovers of uploads that were cut off are removed.
func OpenFolder(dir string, maxSize int64) (*Folder, error) {
	f := &Folder{
		files:   filepath.Join(dir, "files"),
		tmp:     filepath.Join(dir, "tmp"),
		maxSize: maxSize,
	}
	for _, d := range []string{f.files, f.tmp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("making content folder %s: %w", dir, err)
		}
		if err := tryWriting(d); err != nil {
			return nil, fmt.Errorf("content folder %s is not writable (check its owner and mode): %w", dir, err)
		}
	}
	// The new folders must outlast a crash as the contents in them do.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := syncFolder(d); err != nil {
			return nil, fmt.Errorf("making content folder %s durable: %w", dir, err)
		}
	}
	if err := f.removeLeftovers(time.Now().Add(-leftoverAge)); err != nil {
		return nil, fmt.Errorf("clearing interrupted uploads: %w", err)
	}
	return f, nil
}

// Has reports whether content with the digest is stored.
func (f *Folder) Has(ctx context.Context, digest protocol.Hash) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	info, err := os.Stat(f.path(digest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking for content %s: %w", digest, err)
	}
	return info.Mode().IsRegular(), nil
}

// Open opens the content with the digest, or fails with [ErrNotFound].
func (f *Folder) Open(ctx context.Context, digest protocol.Hash) (Content, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := os.Open(f.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("content %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("opening content %s: %w", digest, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", file.Name())
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("opening content %s: %w", digest, err)
	}
	return &openFile{File: file, info: info}, nil
}

// openFile is a [Content].
type openFile struct {
	*os.File
	info fs.FileInfo
}

func (o *openFile) Size() int64        { return o.info.Size() }
func (o *openFile) ModTime() time.Time { return o.info.ModTime() }

func (f *Folder) path(digest protocol.Hash) string {
	return filepath.Join(f.files, strings.Replace(digest.String(), ":", "-", 1))
}

// removeLeftovers removes temporary files that were last written before then.
func (f *Folder) removeLeftovers(then time.Time) error {
	entries, err := os.ReadDir(f.tmp)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(then) {
			err = os.Remove(filepath.Join(f.tmp, entry.Name()))
		}
		// Another process may be clearing up too, or done with its upload.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// tryWriting makes and removes a file in dir.
func tryWriting(dir string) error {
	file, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// syncFolder makes the names in dir durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
