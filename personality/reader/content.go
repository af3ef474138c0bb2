package reader

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// HasContent returns the size in bytes of a content that is kept here.
//
// Errors: *[registry.ContentNotFoundError] if it is not kept, or no record names
// it; *[registry.ContentLostError] if a record names it and it is not kept;
// *[registry.WithheldError] if the operator withholds it.
func (r *Reader) HasContent(ctx context.Context, digest protocol.Hash) (int64, error) {
	c, err := r.openContent(ctx, digest)
	if err != nil {
		return 0, err
	}
	return c.Size(), c.Close()
}

// OpenContent opens a content for reading. The caller closes it. Errors are those
// of [Reader.HasContent].
func (r *Reader) OpenContent(ctx context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	c, err := r.openContent(ctx, digest)
	if err != nil {
		return nil, time.Time{}, err
	}
	return c, c.ModTime(), nil
}

// ContentURL returns where a content can be fetched instead, for a while; empty: nowhere
// else. Errors are those of [Reader.HasContent].
func (r *Reader) ContentURL(ctx context.Context, digest protocol.Hash) (string, error) {
	if r.options.DownloadURL == nil {
		return "", nil
	}
	if _, err := r.HasContent(ctx, digest); err != nil {
		return "", err
	}
	url, err := r.options.DownloadURL(ctx, digest)
	return url, contentsError(err)
}

// ContentSources returns URLs from which this registry fetched a content itself, where it
// tells that: the content may be there still. That it is kept here is for
// [Reader.HasContent] to say.
func (r *Reader) ContentSources(ctx context.Context, digest protocol.Hash) ([]string, error) {
	if !r.options.LinkSources {
		return nil, nil
	}
	return read(ctx, &r.database, func(tx *store.Tx) ([]string, error) { return tx.ContentSources(digest) })
}

func (r *Reader) openContent(ctx context.Context, digest protocol.Hash) (content.Content, error) {
	if err := r.CheckWithheld(ctx, digest); err != nil {
		return nil, err
	}
	named, err := r.isNamed(ctx, digest)
	if err == nil && !named {
		err = &registry.ContentNotFoundError{Digest: digest}
	}
	if err != nil {
		return nil, err
	}
	c, err := r.options.Contents.Open(ctx, digest)
	if !errors.Is(err, content.ErrNotFound) {
		return c, contentsError(err)
	}
	return nil, r.missing(ctx, digest)
}

// contentsError says that the content store cannot be used, where an error means that.
func contentsError(err error) error {
	if away, ok := errors.AsType[*content.UnavailableError](err); ok {
		return &registry.UnavailableError{Part: registry.PartContents, Reason: away.Reason(), Err: err}
	}
	return err
}

// missing is the error of a content that is not kept: it is lost if a record in
// its log names it, for no such record was accepted without it. One that only
// waiting records name may still be on its way.
func (r *Reader) missing(ctx context.Context, digest protocol.Hash) error {
	if r.options.Named == nil {
		return &registry.ContentNotFoundError{Digest: digest}
	}
	released, err := read(ctx, &r.database, func(tx *store.Tx) (bool, error) { return tx.ContentReleased(digest) })
	if err != nil {
		return err
	}
	if !released {
		return &registry.ContentNotFoundError{Digest: digest}
	}
	if r.lostNoted.again(time.Now(), lostNoteEach) {
		r.options.Logger.ErrorContext(ctx, "a content that a published record names is missing from the content store; restore its file from a backup, or from anybody who has it",
			"digest", digest.String())
	}
	return &registry.ContentLostError{Digest: digest}
}

// isNamed reports whether a record names a content, as far as that is asked.
func (r *Reader) isNamed(ctx context.Context, digest protocol.Hash) (bool, error) {
	if r.options.Named == nil {
		return true, nil
	}
	return await(ctx, &r.database, answerTime, func(ctx context.Context) (bool, error) {
		named, err := r.options.Named(ctx, []protocol.Hash{digest})
		return named[digest], err
	})
}

// lostNoteEach is the shortest time between two lines about lost content:
// whoever asks for it again and again does not fill the log.
const lostNoteEach = 10 * time.Second

// noted is when something was last noted. Safe for concurrent use.
type noted struct {
	mu   sync.Mutex
	last time.Time // guarded by mu
}

// again reports whether it is to be noted again, and if so remembers that.
func (n *noted) again(now time.Time, each time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.last.IsZero() && now.Sub(n.last) < each {
		return false
	}
	n.last = now
	return true
}
