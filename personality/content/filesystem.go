package content

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// fileSystem is what a [Folder] asks of the operating system. Tests stand between:
// they let it fail, record its order, and do something else between two steps.
type fileSystem interface {
	Mkdir(path string, mode fs.FileMode) error
	CreateTemp(dir, pattern string) (partialFile, error) // locked, mode 0600
	OpenFile(path string, flag int) (*os.File, error)
	Stat(path string) (fs.FileInfo, error)
	Touch(path string, modified time.Time) error
	Rename(from, to string) error
	Remove(path string) error
	SyncFolder(path string) error    // makes the names in it durable
	Free(path string) (int64, error) // bytes that this process may still write there
}

// partialFile is a file that is being written.
type partialFile interface {
	io.Writer
	io.ReaderAt
	Name() string
	Chmod(mode fs.FileMode) error
	Sync() error // makes what was written durable
	Close() error
}

// osFiles is the operating system's.
type osFiles struct{}

func (osFiles) Mkdir(path string, mode fs.FileMode) error        { return os.Mkdir(path, mode) }
func (osFiles) OpenFile(path string, flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) }
func (osFiles) Stat(path string) (fs.FileInfo, error)            { return os.Stat(path) }
func (osFiles) Touch(path string, modified time.Time) error {
	return os.Chtimes(path, time.Time{}, modified)
}
func (osFiles) Rename(from, to string) error { return os.Rename(from, to) }
func (osFiles) Remove(path string) error     { return os.Remove(path) }

func (osFiles) CreateTemp(dir, pattern string) (partialFile, error) {
	file, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	// The lock tells other processes that somebody is still writing, and ends with this
	// process. Where files cannot be locked, the time of the last write has to do.
	syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	return file, nil
}

func (osFiles) SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osFiles) Free(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// inUse reports whether somebody has locked the file: it is still being written.
func inUse(file *os.File) bool {
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// makeFolder makes a folder and those above it that are missing, so that they outlast
// a loss of power as what is stored in them does.
func makeFolder(files fileSystem, dir string, mode fs.FileMode) error {
	info, err := files.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(files, parent, mode); err != nil {
		return err
	}
	if err := files.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return files.SyncFolder(parent)
}
