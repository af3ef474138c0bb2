package content

import (
	"io/fs"
	"path/filepath"
	"sync"
)

// hookedFiles asks a hook before each operation, which fails with the hook's error.
type hookedFiles struct {
	osFiles
	hook func(op, path string) error
}

func (h *hookedFiles) Mkdir(path string, mode fs.FileMode) error {
	if err := h.hook("mkdir", path); err != nil {
		return err
	}
	return h.osFiles.Mkdir(path, mode)
}

func (h *hookedFiles) CreateTemp(dir, pattern string) (partialFile, error) {
	if err := h.hook("create", filepath.Join(dir, pattern)); err != nil {
		return nil, err
	}
	file, err := h.osFiles.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return &hookedFile{file, h.hook}, nil
}

func (h *hookedFiles) Stat(path string) (fs.FileInfo, error) {
	if err := h.hook("stat", path); err != nil {
		return nil, err
	}
	return h.osFiles.Stat(path)
}

func (h *hookedFiles) Rename(from, to string) error {
	if err := h.hook("rename", from); err != nil {
		return err
	}
	return h.osFiles.Rename(from, to)
}

func (h *hookedFiles) Remove(path string) error {
	if err := h.hook("remove", path); err != nil {
		return err
	}
	return h.osFiles.Remove(path)
}

func (h *hookedFiles) SyncFolder(path string) error {
	if err := h.hook("sync folder", path); err != nil {
		return err
	}
	return h.osFiles.SyncFolder(path)
}

type hookedFile struct {
	partialFile
	hook func(op, path string) error
}

func (h *hookedFile) Write(p []byte) (int, error) {
	if err := h.hook("write", h.Name()); err != nil {
		return 0, err
	}
	return h.partialFile.Write(p)
}

func (h *hookedFile) Chmod(mode fs.FileMode) error {
	if err := h.hook("chmod", h.Name()); err != nil {
		return err
	}
	return h.partialFile.Chmod(mode)
}

func (h *hookedFile) Sync() error {
	if err := h.hook("sync", h.Name()); err != nil {
		return err
	}
	return h.partialFile.Sync()
}

// failure lets one operation, on any path, fail with an error. No operation: none.
type failure struct {
	mu  sync.Mutex
	op  string
	err error
}

func (f *failure) set(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.op, f.err = op, err
}

func (f *failure) hook(op, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op == f.op {
		return &fs.PathError{Op: op, Path: "a file", Err: f.err}
	}
	return nil
}
