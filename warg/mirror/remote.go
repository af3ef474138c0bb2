package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/note"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// remote is a log as a registry serves it, under a tree head whose note was verified.
type remote struct {
	source audit.Source
	log    tlog.Log
	head   tlog.TreeHead
}

func (r *remote) path(name string) string { return r.log.Path() + "/" + name }

func (r *remote) contradicts(format string, args ...any) error {
	return &InconsistentError{r.log, r.path(tlog.CheckpointPath), fmt.Errorf(format, args...)}
}

// readHead reads the newest tree head, which one of the keys has signed if there are any,
// and returns its note.
func (r *remote) readHead(ctx context.Context, keys []note.Verifier) (signed []byte, err error) {
	path := r.path(tlog.CheckpointPath)
	signed, err = read(ctx, r.source, path, tlog.MaxNote)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s has no %s: it is no registry with static files, or has no checkpoint yet: %w", r.source, path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.head, err = openNote(signed, r.log, keys); err != nil {
		return nil, &InconsistentError{r.log, path, err}
	}
	return signed, nil
}

// checkContinues demands, as far as sizes and roots alone tell, that the log continues
// one that holder knows.
func (r *remote) checkContinues(known tlog.TreeHead, holder string) error {
	switch {
	case r.head.Origin != known.Origin:
		return r.contradicts("the tree head is that of the log %q, and %s has %q", r.head.Origin, holder, known.Origin)
	case r.head.Size < known.Size:
		return r.contradicts("the registry has a tree head of %d leaves, and %s one of %d: the log went back, or somebody serves an old tree head", r.head.Size, holder, known.Size)
	case r.head.Size == known.Size && r.head.Root != known.Root:
		return r.contradicts("there are two tree heads of %d leaves: the root is %s, and %s in %s; the log is forked", r.head.Size, r.head.Root, known.Root, holder)
	}
	return nil
}

// openTree opens the tree of the log, with tiles from a source, and demands that it
// continues one that holder knows.
func (r *remote) openTree(ctx context.Context, tiles tileSource, known tlog.TreeHead, holder string) (*tree, error) {
	t, err := newTree(ctx, r.head, tiles)
	if errors.Is(err, errOtherRoot) {
		return nil, r.contradicts("%w", err)
	}
	if err != nil {
		return nil, err
	}
	root, err := t.rootAt(ctx, known.Size)
	if err != nil {
		return nil, err
	}
	if root != known.Root {
		return nil, r.contradicts("the log with %d leaves had the root %s when it had %d; %s has %s: the log is forked", r.head.Size, root, known.Size, holder, known.Root)
	}
	return t, nil
}

// fetch reads a file, which must be there.
func (r *remote) fetch(ctx context.Context, f tlog.File, limit int64) ([]byte, error) {
	path := r.path(f.Path())
	data, err := read(ctx, r.source, path, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &InconsistentError{r.log, path, fmt.Errorf("it is not there, and the log with %d leaves must have it: %w", r.head.Size, err)}
	case errors.Is(err, ErrTooLarge):
		return nil, &InconsistentError{r.log, path, err}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// edge implements [tileSource].
func (r *remote) edge(ctx context.Context, f tlog.File) ([]byte, error) {
	tile, err := r.fetch(ctx, f, tileBytes(f))
	if err != nil {
		return nil, err
	}
	if err := checkLength(tile, f); err != nil {
		return nil, &InconsistentError{r.log, r.path(f.Path()), err}
	}
	return tile, nil
}

// full implements [tileSource].
func (r *remote) full(ctx context.Context, f tlog.File, check func([]byte) error) ([]byte, error) {
	return r.fetchChecked(ctx, f, tileBytes(f), func(tile []byte) error {
		if err := checkLength(tile, f); err != nil {
			return err
		}
		return check(tile)
	})
}

// fetchChecked reads a file that check accepts.
func (r *remote) fetchChecked(ctx context.Context, f tlog.File, limit int64, check func([]byte) error) ([]byte, error) {
	data, err := r.fetch(ctx, f, limit)
	if err != nil {
		return nil, err
	}
	if err := check(data); err != nil {
		return nil, &InconsistentError{r.log, r.path(f.Path()), err}
	}
	return data, nil
}

func tileBytes(f tlog.File) int64 { return int64(f.Width) * protocol.HashSize }

func checkLength(tile []byte, f tlog.File) error {
	if int64(len(tile)) != tileBytes(f) {
		return fmt.Errorf("it has %d bytes, a tile of width %d has %d", len(tile), f.Width, tileBytes(f))
	}
	return nil
}
