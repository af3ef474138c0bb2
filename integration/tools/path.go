// Package tools finds what the scripts beside it install for the tests.
package tools

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Path returns the path of a command that install.sh has put into .cache/tools/bin of
// the repository that the current folder is in. The error says what to do when it is
// not there.
func Path(command string) (string, error) {
	top, err := Top()
	if err != nil {
		return "", err
	}
	path := filepath.Join(top, ".cache", "tools", "bin", command)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: run `make tools`", err)
	}
	return path, nil
}

// Top returns the path of the repository that the current folder is in: the nearest
// folder upwards with a go.mod.
func Top() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this within the repository")
		}
	}
}
