package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// What became of a fetch, as an [Observer] is told.
const (
	FetchTaken    = "taken"    // the content is here
	FetchFailed   = "failed"   // no source gave it
	FetchRejected = "rejected" // the content policy refuses it
)

// Observer is told what admission does beside requests.
type Observer interface {
	// Fetched says that a content was fetched, or was not, and how many bytes came for it.
	Fetched(outcome string, bytes int64)
}

// maxFetchTries is how often a fetch is begun that ends for reasons of this registry's:
// its process died, or its database or content store was away.
const maxFetchTries = 5

// fetchAgain is how long one waits then.
const fetchAgain = 10 * time.Second

// fetch fetches a content from one of its sources. It has it until it returns.
func (a *Admission) fetch(ctx context.Context, f store.Fetch) {
	within, cancel := context.WithTimeout(ctx, a.options.FetchTimeout)
	defer cancel()
	stop := a.keepFetch(within, f)
	source, bytes, err := a.fetchFromAny(within, f)
	stop()
	after := context.WithoutCancel(ctx)
	switch {
	case err == nil:
		a.fetched(FetchTaken, bytes)
		a.options.Logger.Debug("fetched content", "url", a.options.RedactURL(source), "digest", f.Digest, "bytes", bytes)
		err = a.endFetch(after, f, source)
	case ctx.Err() != nil: // the process ends; another one takes it at once
		err = a.updateFetch(after, f, func(tx *store.Tx) error { return tx.KeepFetch(f, time.Time{}) })
	case isAnswer(err): // the record does not wait for it any more
		if rejection := (*registry.RejectionError)(nil); errors.As(err, &rejection) {
			a.fetched(FetchRejected, bytes)
		}
		err = a.endFetch(after, f, "")
	default:
		err = a.failFetch(after, f, within, bytes, err)
	}
	if err != nil {
		a.options.Logger.Warn("what became of fetching a content could not be stored; it is fetched again", "digest", f.Digest, "error", err)
	}
}

// fetchFromAny takes the content from the first source that gives it, and returns that:
// empty if the content was here. Errors of all sources are one *[sourcesError].
func (a *Admission) fetchFromAny(ctx context.Context, f store.Fetch) (source string, bytes int64, err error) {
	failures := &sourcesError{}
	for _, url := range f.Sources {
		body := &sourceBody{ctx: ctx, fetcher: a.options.Fetcher, url: url}
		err = a.uploadContent(ctx, f.LogID, f.RecordID, f.Digest, body)
		body.close()
		bytes += body.bytes
		if err == nil && body.opened {
			return url, bytes, nil
		}
		if err == nil || !ofSource(err) || ctx.Err() != nil {
			return "", bytes, err
		}
		failures.add(url, err)
		a.sourceFailures.Write(ctx, slog.LevelInfo, "source", "a content could not be fetched from a source that a client named",
			"url", a.options.RedactURL(url), "digest", f.Digest, "record", f.RecordID, "error", err)
	}
	return "", bytes, failures
}

// isAnswer reports whether an error says that the record does not need the content.
func isAnswer(err error) bool {
	rejection, unknownLog, unknownRecord := (*registry.RejectionError)(nil), (*registry.LogNotFoundError)(nil), (*registry.RecordNotFoundError)(nil)
	return errors.Is(err, registry.ErrRecordNotSourcing) || errors.As(err, &rejection) || errors.As(err, &unknownLog) || errors.As(err, &unknownRecord)
}

// ofSource reports whether an error is one of the source: it does not answer, or gives
// something else.
func ofSource(err error) bool {
	source, invalid, tooLarge := (*sourceError)(nil), (*registry.InvalidError)(nil), (*registry.TooLargeError)(nil)
	return errors.As(err, &source) || errors.As(err, &invalid) || errors.As(err, &tooLarge)
}

// endFetch forgets a fetch. A source that gave the content is remembered.
func (a *Admission) endFetch(ctx context.Context, f store.Fetch, source string) error {
	return a.updateFetch(ctx, f, func(tx *store.Tx) error {
		if a.options.LinkSources && listable(source) {
			known, err := tx.ContentSources(f.Digest)
			if err != nil {
				return err
			}
			if len(known) < maxListedSources {
				if err := tx.InsertContentSource(f.Digest, len(known), source); err != nil {
					return err
				}
			}
		}
		return tx.EndFetch(f)
	})
}

// maxListedSources is how many sources of one content are remembered.
const maxListedSources = 8

// listable reports whether a URL may be told to everybody: a query may hold what gives
// access, and only for a while.
func listable(url string) bool { return url != "" && !strings.ContainsAny(url, "?#") }

// failFetch notes why a content could not be fetched, for its author to read. What went
// wrong here is tried again.
func (a *Admission) failFetch(ctx context.Context, f store.Fetch, within context.Context, bytes int64, err error) error {
	reason := ""
	sources, withheld := (*sourcesError)(nil), (*registry.WithheldError)(nil)
	switch {
	case errors.As(err, &withheld): // it may be released; whoever posts the record again then has it fetched
		reason = withheld.Error()
	case errors.As(err, &sources):
		reason = sources.Public()
	case within.Err() != nil:
		reason = fmt.Sprintf("to fetch it took longer than %v", a.options.FetchTimeout)
	case f.Tries < maxFetchTries:
		a.options.Logger.Warn("fetching a content failed; trying again", "digest", f.Digest, "error", err, "after", fetchAgain)
		return a.updateFetch(ctx, f, func(tx *store.Tx) error { return tx.KeepFetch(f, a.options.Now().Add(fetchAgain)) })
	default:
		a.options.Logger.Warn("fetching a content failed", "digest", f.Digest, "error", err)
		reason = "the registry could not take it: " + publicText(registry.DatabaseError(err))
	}
	a.fetched(FetchFailed, bytes)
	return a.updateFetch(ctx, f, func(tx *store.Tx) error { return tx.FailFetch(f, reason) })
}

// updateFetch stores what became of a fetch. If it cannot, the fetch is taken again
// after its lease.
func (a *Admission) updateFetch(ctx context.Context, f store.Fetch, change func(*store.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, fetchLease)
	defer cancel()
	return a.options.Store.Update(ctx, change)
}

func (a *Admission) fetched(outcome string, bytes int64) {
	if a.options.Observer != nil {
		a.options.Observer.Fetched(outcome, bytes)
	}
}

// sourceBody is what a source gives. It is asked when the content is wanted.
type sourceBody struct {
	ctx     context.Context
	fetcher Fetcher
	url     string
	from    io.ReadCloser
	opened  bool
	bytes   int64
}

func (b *sourceBody) Read(p []byte) (int, error) {
	if b.from == nil {
		b.opened = true
		from, err := b.fetcher.Get(b.ctx, b.url)
		if err != nil {
			return 0, &sourceError{err}
		}
		b.from = from
	}
	n, err := b.from.Read(p)
	b.bytes += int64(n)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

func (b *sourceBody) close() {
	if b.from != nil {
		b.from.Close()
	}
}

// sourceError is an error of a source, unlike one of this registry's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// Public is what a client may read.
func (e *sourceError) Public() string { return publicText(e.err) }

// sourcesError is what is wrong with each of the sources of a content.
type sourcesError struct{ reasons []string }

func (e *sourcesError) add(url string, err error) {
	text := err.Error() // of what came: its digest, or that it is too large
	if source := (*sourceError)(nil); errors.As(err, &source) {
		text = source.Public()
	}
	e.reasons = append(e.reasons, fmt.Sprintf("source %d: %s", len(e.reasons)+1, text))
}

func (e *sourcesError) Error() string { return e.Public() }

// Public is what a client may read.
func (e *sourcesError) Public() string { return strings.Join(e.reasons, "; ") }
