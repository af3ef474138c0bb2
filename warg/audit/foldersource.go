package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
)

// FolderSource is a folder with the static files of a registry at the paths at which
// the registry serves them: "tlog/records/checkpoint" and so on, and contents as
// "content/sha256-<hex>". It has no v1 API.
type FolderSource struct {
	files fs.FS
	name  string
}

// NewFolderSource returns the source with these files; name is for people.
func NewFolderSource(files fs.FS, name string) *FolderSource {
	return &FolderSource{files: files, name: name}
}

// String returns the name.
func (s *FolderSource) String() string { return s.name }

// Open implements [Source]. A file that is not there has the status 404.
func (s *FolderSource) Open(ctx context.Context, r Request) (int, io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	nothing := func(status int) (int, io.ReadCloser, error) {
		return status, io.NopCloser(strings.NewReader("")), nil
	}
	if r.Method != http.MethodGet || !fs.ValidPath(r.Path) {
		return nothing(http.StatusNotFound)
	}
	info, err := fs.Stat(s.files, r.Path) // before it is opened, for a pipe would wait for its writer
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.IsDir():
		return nothing(http.StatusNotFound)
	case err != nil:
		return 0, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case !info.Mode().IsRegular():
		return 0, nil, fmt.Errorf("%w: %s in %s is not a regular file", ErrNoAnswer, r.Path, s.name)
	}
	f, err := s.files.Open(r.Path)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return http.StatusOK, f, nil
}
