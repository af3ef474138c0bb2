package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxContentKept is how many bytes of altered content go into evidence.
const maxContentKept = 4 << 20

// contentKey is where a content that is to be asked for is kept.
func contentKey(digest, logID protocol.Hash, version string) []byte {
	return append(append(digest[:], logID[:]...), version...)
}

// Contents are asked for some at a time, so that altered ones that are kept for evidence
// are not too much at once.
const (
	contentsTogether = 16
	contentsAtOnce   = 4 // requests side by side
)

// askedContent is a content that is asked for.
type askedContent struct {
	key     []byte // in the store
	digest  protocol.Hash
	logID   protocol.Hash
	version string
	at      uint64 // the record with the release
	skip    bool   // it need not be there, or was found right already
	facts   *contentFacts
	fine    bool
	err     error
}

// checkContents asks for the contents of releases that were not asked for yet, or not
// found right. An error says that some could not be asked for; the others were.
func (r *round) checkContents(ctx context.Context) error {
	var failures []error
	var after []byte
	var last protocol.Hash // content that was found right
	for {
		items, err := r.state.store.List(ctx, spaceContent, after, contentsTogether)
		if err != nil {
			return fmt.Errorf("list contents in the store: %w", err)
		}
		if len(items) == 0 {
			return errors.Join(failures...)
		}
		after = items[len(items)-1].Key
		contents, err := r.contentsOf(ctx, items, last)
		if err != nil {
			return err
		}
		r.askContents(ctx, contents)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, c := range contents {
			if c.err != nil && len(failures) < 10 {
				failures = append(failures, c.err)
			}
			if c.fine {
				last = c.digest
			}
			switch {
			case c.err != nil:
			case c.fine || c.skip:
				r.state.put(spaceContent, c.key, nil)
			default:
				if err := r.reportContent(ctx, c.facts, c.logID, c.at); err != nil {
					return err
				}
			}
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// contentsOf reads what is to be asked for. Several releases of one content follow each
// other; it is asked for once.
func (r *round) contentsOf(ctx context.Context, items []Item, last protocol.Hash) (all []*askedContent, err error) {
	for _, item := range items {
		if len(item.Key) < 64 || len(item.Value) != 8 {
			continue
		}
		c := &askedContent{
			key: item.Key, digest: protocol.Hash(item.Key[:32]), logID: protocol.Hash(item.Key[32:64]),
			version: string(item.Key[64:]), at: binary.BigEndian.Uint64(item.Value),
		}
		var release protocol.Release
		if _, err := r.state.getJSON(ctx, spaceRelease, releaseKey(c.logID, c.version), &release); err != nil {
			return nil, err
		}
		c.skip = release.Yank != nil || c.digest == last
		all = append(all, c)
	}
	return all, nil
}

// askContents asks for some contents side by side.
func (r *round) askContents(ctx context.Context, contents []*askedContent) {
	slots := make(chan struct{}, contentsAtOnce)
	for _, c := range contents {
		if c.skip {
			continue
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			c.facts, c.fine, c.err = r.askContent(ctx, c.digest, c.version)
		}()
	}
	for range contentsAtOnce {
		slots <- struct{}{}
	}
	for _, c := range contents {
		if c.fine {
			r.report.Contents++
		}
	}
	r.options.Progress(Progress{Doing: "content", Done: r.report.Contents})
}

// askContent asks for one content. It changes nothing of the round.
func (r *round) askContent(ctx context.Context, digest protocol.Hash, version string) (f *contentFacts, fine bool, err error) {
	f = &contentFacts{Version: version}
	places := []string{contentFile(digest)}
	if r.api {
		if f.Sources, err = get(ctx, r.source, api.ContentSourcesPath(digest), maxJSON); err != nil {
			return f, false, err
		}
		places = contentPlaces(f.Sources, digest)
	}
	for _, place := range places {
		answer, got, err := r.readContent(ctx, place, digest)
		if err != nil {
			return f, false, err
		}
		if !r.api {
			f.Sources = answer
		}
		if answer.has() && got == digest {
			return f, true, nil
		}
		f.Answers = append(f.Answers, answer)
		if answer.has() {
			f.Digest = got.String()
			break
		}
	}
	return f, false, nil
}

// contentPlaces are where an answer says that a content is.
func contentPlaces(sources exchange, digest protocol.Hash) (places []string) {
	var answer api.ContentSourcesResponse
	if !sources.has() || answer.UnmarshalJSON(sources.Answer) != nil {
		return nil
	}
	for _, of := range answer.ContentSources {
		if of.Hash != digest.Any() {
			continue
		}
		for _, s := range of.Value {
			if len(places) < 8 {
				places = append(places, s.URL)
			}
		}
	}
	return places
}

// readContent reads and hashes a content, and keeps its bytes if they are not the right
// ones and few.
func (r *round) readContent(ctx context.Context, place string, want protocol.Hash) (e exchange, got protocol.Hash, err error) {
	e = exchange{Method: http.MethodGet, Path: place}
	status, body, err := r.source.Open(ctx, Request{Method: e.Method, Path: place})
	if err != nil {
		return e, got, fmt.Errorf("%s: content %s: %w", r.source, want, err)
	}
	defer body.Close()
	if e.Status = status; !e.has() {
		return e, got, nil
	}
	hash := sha256.New()
	kept := &bytes.Buffer{}
	n, err := io.Copy(io.MultiWriter(hash, &firstBytes{kept, maxContentKept + 1}), io.LimitReader(body, r.options.MaxContent+1))
	switch {
	case err != nil:
		return e, got, fmt.Errorf("%s: content %s: %w: %w", r.source, want, ErrNoAnswer, err)
	case n > r.options.MaxContent:
		return e, got, fmt.Errorf("%s: content %s: %w: it is longer than %d bytes", r.source, want, ErrNoAnswer, r.options.MaxContent)
	}
	got = protocol.Hash(hash.Sum(nil))
	if got != want && kept.Len() <= maxContentKept {
		e.Answer = kept.Bytes()
	}
	return e, got, nil
}

// firstBytes takes in a number of bytes and lets the others go.
type firstBytes struct {
	into *bytes.Buffer
	left int
}

func (w *firstBytes) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.into.Write(p[:n])
	w.left -= n
	return len(p), nil
}

func (r *round) reportContent(ctx context.Context, f *contentFacts, logID protocol.Hash, at uint64) error {
	named, err := r.log.envelope(ctx, at)
	if err != nil {
		return err
	}
	f.Head, _ = r.log.stated()
	if f.Record, err = prove(ctx, r.log, at, named); err != nil {
		return err
	}
	return r.found(ctx, f)
}
