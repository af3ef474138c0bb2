package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/audit"
)

// ErrTooLarge says that a file is larger than it may be.
var ErrTooLarge = errors.New("the file is larger than allowed")

// errBlocked says that the operator of a registry withholds a content.
var errBlocked = errors.New("the registry withholds it (status 451)")

// open opens a file of a registry, or a page of its API. Errors wrap [fs.ErrNotExist] if
// there is no such file; others are failures of asking and say nothing about it.
func open(ctx context.Context, s audit.Source, path string) (io.ReadCloser, error) {
	status, body, err := s.Open(ctx, audit.Request{Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	if status == http.StatusOK {
		return body, nil
	}
	body.Close()
	if status == http.StatusNotFound || status == http.StatusGone {
		return nil, fmt.Errorf("status %d: %w", status, fs.ErrNotExist)
	}
	if status == http.StatusUnavailableForLegalReasons {
		return nil, errBlocked
	}
	return nil, fmt.Errorf("%s: %w: status %d %s", s, audit.ErrNoAnswer, status, http.StatusText(status))
}

// read reads a file of a registry, of at most limit bytes.
func read(ctx context.Context, s audit.Source, path string, limit int64) ([]byte, error) {
	body, err := open(ctx, s, path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := readBounded(body, limit)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		err = fmt.Errorf("%s: %w: %w", s, audit.ErrNoAnswer, err)
	}
	return data, err
}

// readBounded reads all of r, or an error with [ErrTooLarge].
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return data, err
}
