package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// errAltered says that a place gives other bytes than those with the digest.
var errAltered = errors.New("its bytes are not those with the digest")

// maxSources is the size in bytes of the longest list of places of a content, and how
// many of them are tried.
const (
	maxSources      = 1 << 20
	maxSourcesTried = 8
)

// fetchContent brings a content into the folder, and returns its size in bytes, and
// whether it had to be fetched. [fs.ErrNotExist] says that the registry does not have it,
// [errAltered] that it has something else, [errBlocked] that it is withheld, [ErrTooLarge] that it is larger than allowed.
func (e *exporter) fetchContent(ctx context.Context, digest protocol.Hash) (size int64, fetched bool, err error) {
	name := ContentPath(digest)
	size, ok, err := e.contentThere(name, digest)
	if ok || err != nil {
		return size, false, err
	}
	if _, ok := e.withheldBy(digest); ok { // another place might give it all the same
		return 0, false, errBlocked
	}
	places, err := e.contentPlaces(ctx, digest)
	if err != nil {
		return 0, false, err
	}
	var failures []error
	for _, place := range places {
		size, err := e.copyContent(ctx, place, name, digest)
		if err == nil {
			return size, true, nil
		}
		failures = append(failures, err)
	}
	return 0, false, worst(failures)
}

// contentThere tells whether the folder has a content, and its size in bytes. One with
// other bytes, if that is looked at, is removed: readers of the folder take it for altered.
func (e *exporter) contentThere(name string, digest protocol.Hash) (size int64, ok bool, err error) {
	size, ok = e.out.size(name)
	if !ok || !e.hash {
		return size, ok, nil
	}
	f, err := e.out.root.Open(filepath.FromSlash(name))
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	hash := sha256.New()
	if size, err = io.Copy(hash, f); err != nil {
		return 0, false, err
	}
	if protocol.Hash(hash.Sum(nil)) == digest {
		return size, true, nil
	}
	e.mu.Lock()
	e.lost[digest] = true
	e.mu.Unlock()
	return 0, false, e.out.root.Remove(filepath.FromSlash(name))
}

// worst is what failures to fetch a content from several places come to: a failure of
// asking says nothing, so it goes before the others.
func worst(failures []error) error {
	var altered, large, missing error
	for _, err := range failures {
		switch {
		case errors.Is(err, errAltered):
			altered = err
		case errors.Is(err, ErrTooLarge):
			large = err
		case errors.Is(err, fs.ErrNotExist):
			missing = err
		default:
			return err
		}
	}
	return cmp.Or(altered, large, missing)
}

// contentPlaces are where the registry says that a content is, or where a file server
// over an export has it.
func (e *exporter) contentPlaces(ctx context.Context, digest protocol.Hash) ([]string, error) {
	text, err := read(ctx, e.options.Source, api.ContentSourcesPath(digest), maxSources)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{ContentPath(digest)}, nil
	}
	if errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("the list of its places: %w (%v)", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, err
	}
	var answer api.ContentSourcesResponse
	if err := answer.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("the list of its places can not be read: %w (%v)", fs.ErrNotExist, err)
	}
	var places []string
	for _, of := range answer.ContentSources {
		for _, place := range of.Value {
			if of.Hash == digest.Any() && canBeAsked(place.URL) && len(places) < maxSourcesTried {
				places = append(places, place.URL)
			}
		}
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("the registry names no place of it that can be asked: %w", fs.ErrNotExist)
	}
	return places, nil
}

// canBeAsked tells whether a link is one that HTTP is spoken at; others say nothing.
func canBeAsked(link string) bool {
	u, err := url.Parse(link)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "" && u.Path != "")
}

// copyContent copies a content from a place into the folder. The file gets its name
// when all of it is verified and on disk.
func (e *exporter) copyContent(ctx context.Context, place, name string, digest protocol.Hash) (int64, error) {
	body, err := open(ctx, e.options.Source, place)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	temporary, err := e.out.temporary(name)
	if err != nil {
		return 0, err
	}
	f, err := e.out.root.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, err
	}
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(body, e.options.MaxContent+1))
	got := protocol.Hash(hash.Sum(nil))
	switch {
	case err != nil:
	case size > e.options.MaxContent:
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, e.options.MaxContent)
	case got != digest:
		err = fmt.Errorf("%w: they have the digest %s", errAltered, got)
	}
	return size, e.out.finish(f, err, temporary, name)
}
