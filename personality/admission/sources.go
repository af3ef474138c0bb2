package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Fetcher fetches from URLs that clients name.
type Fetcher interface {
	// Check says what is wrong with a URL.
	Check(url string) error
	// Get opens what is at a URL. An error, of reading too, may have a method
	// Public() string: what clients may read.
	Get(ctx context.Context, url string) (io.ReadCloser, error)
}

// Bounds on what one request may name, and on what may be waiting to be fetched.
const (
	maxSources         = 4 // of one content
	maxSourcedContents = 64
	maxFetchesOfClient = 64
	maxFetches         = 4096
)

// PublishFrom is [Admission.Publish], and has contents fetched that the record waits
// for, from where its author says that they are. Each comes in as an upload does. While
// it is fetched nobody needs to send it; if it cannot be fetched, the record waits for
// it as for any other.
func (a *Admission) PublishFrom(ctx context.Context, logID protocol.Hash, name protocol.PackageName, envelope protocol.Envelope, sources registry.SourceURLs) (registry.RecordStatus, error) {
	status, err := a.publishFrom(ctx, logID, name, envelope, sources)
	return status, registry.DatabaseError(err)
}

func (a *Admission) publishFrom(ctx context.Context, logID protocol.Hash, name protocol.PackageName, envelope protocol.Envelope, sources registry.SourceURLs) (registry.RecordStatus, error) {
	if err := a.checkSources(sources); err != nil {
		return registry.RecordStatus{}, err
	}
	if err := a.roomToFetch(ctx, store.WaitingClientOf(a.clientOf(ctx, envelope.KeyID)), len(sources)); err != nil {
		return registry.RecordStatus{}, err
	}
	status, err := a.publish(ctx, logID, name, envelope, sources)
	if err != nil || status.State != registry.Sourcing {
		return status, err
	}
	err = a.options.Store.Update(ctx, func(tx *store.Tx) error {
		record, err := registry.FindRecord(tx, logID, status.RecordID)
		if err != nil {
			return err
		}
		missing, err := tx.Missing(record.ID)
		if err != nil {
			return err
		}
		for _, digest := range missing {
			if urls := sources[digest]; len(urls) > 0 {
				if err := tx.AddFetch(record.ID, digest, urls); err != nil {
					return err
				}
			}
		}
		status, err = registry.StatusOf(tx, record)
		return err
	})
	wake.Nudge(a.toFetch)
	return status, err
}

func invalid(format string, args ...any) error {
	return &registry.InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// checkSources refuses too many sources, and URLs that are not to be fetched from.
func (a *Admission) checkSources(sources registry.SourceURLs) error {
	if a.options.Fetcher == nil {
		return invalid("this registry fetches no content from elsewhere")
	}
	if len(sources) > maxSourcedContents {
		return invalid("content sources of %d contents are too many; give those of %d at most, and upload the others", len(sources), maxSourcedContents)
	}
	for digest, urls := range sources {
		if n := len(urls); n == 0 || n > maxSources {
			return invalid("content `%s` has %d content sources; give 1 to %d", digest, n, maxSources)
		}
		for i, url := range urls {
			if err := a.options.Fetcher.Check(url); err != nil {
				return invalid("content source %d of `%s` is refused: %s", i+1, digest, publicText(err))
			}
		}
	}
	return nil
}

// roomToFetch refuses more fetches than may wait.
func (a *Admission) roomToFetch(ctx context.Context, client store.WaitingClient, more int) error {
	var ofClient, all int
	err := a.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		ofClient, all, err = tx.CountFetches(client)
		return err
	})
	switch {
	case err != nil:
		return err
	case all+more > maxFetches:
		return &registry.WaitingError{Reason: "too many contents are to be fetched at the moment; try again later, or upload the content", All: true}
	case ofClient+more > maxFetchesOfClient:
		return &registry.WaitingError{Reason: fmt.Sprintf("%d contents are to be fetched for you already, and %d may be; try again later, or upload the content", ofClient, maxFetchesOfClient)}
	}
	return nil
}

// onlyOf refuses sources of what is not among the contents of a record.
func onlyOf(contents []protocol.Hash, sources registry.SourceURLs) error {
	for digest := range sources {
		if !slices.Contains(contents, digest) {
			return invalid("content digest `%s`, which has content sources, is not required for the package record", digest)
		}
	}
	return nil
}

// publicError is an error that says what clients may read of it.
type publicError interface {
	error
	Public() string
}

// publicText is what a client may read of an error.
func publicText(err error) string {
	if public, ok := errors.AsType[publicError](err); ok {
		return public.Public()
	}
	return "an error occurred"
}
