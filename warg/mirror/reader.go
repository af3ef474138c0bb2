package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrTooLarge says that a file is larger than it may be.
var ErrTooLarge = errors.New("the file is larger than allowed")

// Reader reads the files of a registry by their paths below its URL, such as
// "tlog/records/checkpoint". It is used by several goroutines at a time.
type Reader interface {
	// Read returns a file of at most limit bytes. Errors wrap [fs.ErrNotExist] if
	// there is no such file, and [ErrTooLarge]; others are failures of asking and say
	// nothing about the file.
	Read(ctx context.Context, path string, limit int64) ([]byte, error)
}

// Opener is a [Reader] that gives files piece by piece too, for large ones.
type Opener interface {
	Reader
	// Open returns a file, which the caller closes. Errors are those of Read.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
}

// Folder reads the files of an export. It does not leave the folder, whatever links
// are in it.
type Folder struct{ root *os.Root }

// OpenFolder opens a folder that [Export] has made, or one like it.
func OpenFolder(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of an export: %w", err)
	}
	return &Folder{root}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Name is the path of the folder as it was opened.
func (f *Folder) Name() string { return f.root.Name() }

// Open implements [Opener].
func (f *Folder) Open(_ context.Context, path string) (io.ReadCloser, error) {
	file, err := f.root.Open(filepath.FromSlash(path))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Read implements [Reader].
func (f *Folder) Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	file, err := f.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file, path, limit)
}

// readBounded reads all of r, or an error with [ErrTooLarge].
func readBounded(r io.Reader, path string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", path, ErrTooLarge, limit)
	}
	return data, err
}
