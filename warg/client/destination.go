package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLinks is how many symbolic links are followed, as by Linux.
const maxLinks = 40

// Destination is the file that is to be replaced if path is written to, and the
// permissions that it gets: those that it has, or 0644. Symbolic links are followed, also
// to where no file is yet.
func Destination(path string) (file string, mode fs.FileMode, err error) {
	for file = path; ; {
		info, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return file, 0o644, nil
		case err != nil:
			return "", 0, err
		case info.Mode().IsRegular():
			return file, info.Mode().Perm(), nil
		case info.Mode()&fs.ModeSymlink == 0:
			return "", 0, fmt.Errorf("%s is no regular file, and can not be replaced: name another path", path)
		}
		if file, err = follow(file); err != nil {
			return "", 0, err
		}
	}
}

// follow returns where a symbolic link leads to, through all links that come next.
func follow(link string) (string, error) {
	for range maxLinks {
		to, err := os.Readlink(link)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			// The folder's own links are followed before its "..".
			dir, err := filepath.EvalSymlinks(filepath.Dir(link))
			if err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		link = to
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return link, nil
		}
	}
	return "", fmt.Errorf("%s: too many symbolic links", link)
}
