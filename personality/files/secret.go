package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CreateSecret makes a file that only its owner can read and write (mode 0600).
// A file that is there is never overwritten: the error is then [fs.ErrExist].
// The new one is written beside its place and then linked there, so that it is
// whole or absent after a crash.
func CreateSecret(path string, data []byte) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return err
	}
	dir := filepath.Dir(path)
	temporary, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Link(temporary.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// PrepareSQLite sees to it that only the owner can read and write a SQLite
// database (mode 0600). SQLite itself would make it as the umask says, commonly
// readable by all, and gives the files beside it, -wal, -shm or -journal, the
// mode of the database. So the file is made here if it is missing, and the modes
// of those that are there are changed. To be called before the database is opened.
//
// A file that is there is not opened: closing it would take the locks away that
// another connection in this process has on it.
func PrepareSQLite(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if err := closeToOthers(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// closeToOthers leaves a file that others cannot open as it is: its mode may be
// stricter, and its owner another user.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("%s can be opened by others (mode %v), and that cannot be changed; make this user its owner: %w", path, info.Mode().Perm(), err)
	}
	return nil
}
