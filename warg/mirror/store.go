package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// newPrefix begins the names of files that are not complete.
const newPrefix = ".new-"

// output is the folder that an export writes. It may be used by several goroutines.
type output struct {
	root *os.Root // it does not leave the folder, whatever links are in it

	mu     sync.Mutex
	made   map[string]bool // folders that are there; under mu
	dirty  map[string]bool // folders with new names that may not be on disk; under mu
	serial int             // of temporary files; under mu
}

// openOutput opens the folder, which is made if it is missing.
func openOutput(dir string) (*output, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of an export: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of an export: %w", err)
	}
	return &output{root: root, made: map[string]bool{}, dirty: map[string]bool{}}, nil
}

// read reads a regular file of at most limit bytes: nobody waits for a pipe.
func (o *output) read(name string, limit int64) ([]byte, error) {
	info, err := o.root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s in the folder of the export is no regular file", name)
	}
	f, err := o.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, limit)
}

// write makes or replaces a file, whole or not at all. It is on disk, under its name
// after the next sync.
func (o *output) write(name string, data []byte) error {
	temporary, err := o.temporary(name)
	if err != nil {
		return err
	}
	f, err := o.root.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return o.finish(f, err, temporary, name)
}

// finish gives a complete file its name. If writing it failed, it is removed.
func (o *output) finish(f *os.File, failed error, temporary, name string) error {
	if failed != nil {
		f.Close()
		o.root.Remove(temporary)
		return failed
	}
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = o.root.Rename(temporary, filepath.FromSlash(name))
	}
	if err != nil {
		o.root.Remove(temporary)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// temporary returns the name of a file to write before it gets its own, in the same
// folder, which is made. Leftovers are for [output.sweep].
func (o *output) temporary(name string) (string, error) {
	dir := path.Dir(name)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.made[dir] {
		if err := o.root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
			return "", err
		}
		for d := dir; !o.made[d]; d = path.Dir(d) {
			o.made[d], o.dirty[d] = true, true
		}
	}
	o.dirty[dir] = true
	o.serial++
	return filepath.FromSlash(path.Join(dir, fmt.Sprintf("%s%d", newPrefix, o.serial))), nil
}

// sync has the names of all files that were written on disk.
func (o *output) sync() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for dir := range o.dirty {
		f, err := o.root.Open(filepath.FromSlash(dir))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		delete(o.dirty, dir)
	}
	return nil
}

// sweep removes what is left over below a path: incomplete files, partial files that
// needed does not list, and their folders.
func (o *output) sweep(below string, needed func(path string) bool) error {
	var emptied []string
	err := fs.WalkDir(o.root.FS(), below, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir():
			if strings.HasSuffix(name, ".p") {
				emptied = append(emptied, name)
			}
			return nil
		case strings.HasPrefix(d.Name(), newPrefix) || strings.HasSuffix(path.Dir(name), ".p") && !needed(name):
			return o.root.Remove(filepath.FromSlash(name))
		}
		return nil
	})
	for _, dir := range emptied {
		if o.root.Remove(filepath.FromSlash(dir)) == nil { // else it is not empty
			o.mu.Lock()
			delete(o.made, dir)
			delete(o.dirty, dir)
			o.mu.Unlock()
		}
	}
	return err
}
