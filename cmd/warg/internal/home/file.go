package home

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/warg/wholefile"
)

// WriteFile makes or replaces a file, whole or not at all. Its folder is made if need be
// (0700).
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return ReplaceFile(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ReplaceFile makes or replaces a file of what write writes, whole or not at all: on
// error nothing has changed. Its folder is made if need be (0700).
func ReplaceFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return wholefile.Replace(path, mode, func(f *os.File) error { return write(f) })
}
