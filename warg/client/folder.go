package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/wholefile"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// FolderStore is a [Store] in a folder, one file a value. A file is replaced as
// a whole and is on disk before it is: after a crash there is the old value or
// the new one. Several processes may share the folder on systems with flock;
// on others only one may use it at a time.
type FolderStore struct {
	dir string
	mu  sync.Mutex // held by Replace: the lock of the folder is one of processes
}

// OpenFolder opens a store in a folder, which is made if it is missing (0755;
// files are 0600). A folder is for one registry.
func OpenFolder(dir string) (*FolderStore, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("folder of what is remembered of a registry: %w", err)
	}
	return &FolderStore{dir: dir}, nil
}

// Read implements [Store].
func (s *FolderStore) Read(_ context.Context, name string) ([]byte, error) {
	file, err := s.file(name)
	if err != nil {
		return nil, err
	}
	value, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return value, err
}

// Replace implements [Store].
func (s *FolderStore) Replace(ctx context.Context, name string, old, value []byte) error {
	file, err := s.file(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lockFolder(s.dir)
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.dir, err)
	}
	defer unlock()
	stands, err := s.Read(ctx, name)
	if err != nil {
		return err
	}
	if (stands == nil) != (old == nil) || !bytes.Equal(stands, old) {
		return ErrChanged
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return wholefile.Replace(file, 0o600, func(f *os.File) error {
		_, err := f.Write(value)
		return err
	})
}

func (s *FolderStore) file(name string) (string, error) {
	if !filepath.IsLocal(name) || strings.Contains(name, ".") {
		return "", fmt.Errorf("%q is not a name of a value", name)
	}
	return filepath.Join(s.dir, filepath.FromSlash(name)+".json"), nil
}

// Packages returns the packages that something is remembered of, in the order of their
// namespaces and names.
func (s *FolderStore) Packages() ([]protocol.PackageName, error) {
	top := filepath.Join(s.dir, "package")
	var names []protocol.PackageName
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		base, found := strings.CutSuffix(filepath.Base(path), ".json")
		if name, err := protocol.ParsePackageName(filepath.Base(filepath.Dir(path)) + ":" + base); found && err == nil {
			names = append(names, name)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}
