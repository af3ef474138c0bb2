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

// leftoverAge is how long an upload must not have been written to for its file to be
// removed when a folder is opened.
const leftoverAge = time.Hour

// holdAge is the age of content that [Folder.Hold] renews.
const holdAge = time.Minute

// Folder stores contents in a folder of a file system, laid out as the reference
// server does: files/sha256-<64 hex digits> holds one content each, tmp/ what is under
// way. Several goroutines and processes may use the same folder at once.
type Folder struct {
	dir     string
	files   string
	tmp     string
	options FolderOptions
	fs      fileSystem
	probing chan struct{} // holds one item while a probe runs
}

// FolderOptions are the settings of a [Folder]. The zero value has no limits.
type FolderOptions struct {
	// MaxSize is the size in bytes of the largest content to store; 0: any.
	MaxSize int64
	// MinFree is how many bytes of the disk must stay free. [Folder.Put] fails with a
	// [*NoSpaceError] below that.
	MinFree int64
	// Private makes new folders and files readable by this user alone, rather than by
	// all, such as another server that hands content out.
	Private bool
}

// OpenFolder opens the content folder dir and makes it if it is not there. It fails if
// nothing can be written there, but not for lack of space: what is stored can still be
// served. Leftovers of processes that were killed are cleared.
func OpenFolder(dir string, options FolderOptions) (*Folder, error) {
	return openFolder(dir, options, osFiles{})
}

func openFolder(dir string, options FolderOptions, files fileSystem) (*Folder, error) {
	f := &Folder{
		dir:     dir,
		files:   filepath.Join(dir, "files"),
		tmp:     filepath.Join(dir, "tmp"),
		options: options,
		fs:      files,
		probing: make(chan struct{}, 1),
	}
	for _, d := range []string{f.files, f.tmp} {
		if err := makeFolder(files, d, f.folderMode()); err != nil {
			return nil, fmt.Errorf("making content folder %s: %w", dir, err)
		}
	}
	// Another process may have made them, and lost its power before it got here.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := files.SyncFolder(d); err != nil {
			return nil, fmt.Errorf("making content folder %s durable: %w", dir, err)
		}
	}
	if err := f.tryWriting(); err != nil && !full(err) {
		return nil, fmt.Errorf("content folder %s is not writable (check its owner and mode): %w", dir, err)
	}
	if _, err := f.SweepUploads(context.Background(), leftoverAge); err != nil {
		return nil, fmt.Errorf("clearing interrupted uploads: %w", err)
	}
	return f, nil
}

func (f *Folder) folderMode() fs.FileMode {
	if f.options.Private {
		return 0o700
	}
	return 0o755
}

func (f *Folder) fileMode() fs.FileMode {
	if f.options.Private {
		return 0o600
	}
	return 0o644
}

// Has reports whether content with the digest is stored. It may be collected in the
// next moment if nothing names it: see [Folder.Hold].
func (f *Folder) Has(ctx context.Context, digest protocol.Hash) (bool, error) {
	_, found, err := f.look(ctx, digest)
	return found, err
}

// look returns when the content was stored or held, and whether it is there.
func (f *Folder) look(ctx context.Context, digest protocol.Hash) (time.Time, bool, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, false, err
	}
	info, err := f.fs.Stat(f.path(digest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("looking for content %s: %w", digest, err)
	}
	return info.ModTime(), info.Mode().IsRegular() && canBe(digest, info.Size()), nil
}

// Hold reports whether content with the digest is stored, and keeps [Folder.Collect]
// from removing it for as long as that leaves alone what is new, less a minute. Who
// finds content with Hold has so long to name it.
func (f *Folder) Hold(ctx context.Context, digest protocol.Hash) (bool, error) {
	stored, found, err := f.look(ctx, digest)
	if err != nil || !found || time.Since(stored) < holdAge {
		return found, err
	}
	err = f.fs.Touch(f.path(digest), time.Now())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // collected meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("holding content %s: %w", digest, f.unavailable(err))
	}
	// Only a name that is still there says that it was touched before it was collected.
	_, found, err = f.look(ctx, digest)
	return found, err
}

// Open opens the content with the digest, or fails with [ErrNotFound]. Reading all of it
// from the beginning ends with a [*DamagedError] in the place of the last bytes if they
// are others than those of the digest.
func (f *Folder) Open(ctx context.Context, digest protocol.Hash) (Content, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := f.fs.OpenFile(f.path(digest), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("content %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("opening content %s: %w", digest, err)
	}
	info, err := file.Stat()
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", file.Name())
	case err == nil && !canBe(digest, info.Size()):
		err = ErrNotFound
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("opening content %s: %w", digest, err)
	}
	return &fileReader{file: file, info: info, whole: newDigested(digest, info.Size())}, nil
}

func (f *Folder) path(digest protocol.Hash) string {
	return filepath.Join(f.files, fileName(digest))
}

// fileName is the name of content in files/: the digest, with a dash for its colon.
func fileName(digest protocol.Hash) string {
	return strings.Replace(digest.String(), ":", "-", 1)
}

// digestOf is the digest of the content with this name, if it is one.
func digestOf(name string) (protocol.Hash, bool) {
	digest, err := protocol.ParseHash(strings.Replace(name, "-", ":", 1))
	return digest, err == nil && fileName(digest) == name
}
