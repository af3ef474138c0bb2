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

// checkContents asks for the contents of releases that were not asked for yet, or not
// found right. An error says that some could not be asked for; the others were.
func (r *round) checkContents(ctx context.Context) error {
	var failures []error
	var after []byte
	var last protocol.Hash // content that was found right
	for {
		items, err := r.state.store.List(ctx, spaceContent, after, 256)
		if err != nil {
			return fmt.Errorf("list contents in the store: %w", err)
		}
		if len(items) == 0 {
			break
		}
		for _, item := range items {
			after = item.Key
			if len(item.Key) < 64 || len(item.Value) != 8 {
				continue
			}
			digest, logID := protocol.Hash(item.Key[:32]), protocol.Hash(item.Key[32:64])
			version := string(item.Key[64:])
			fine := digest == last
			if !fine {
				fine, err = r.checkContent(ctx, digest, logID, version, binary.BigEndian.Uint64(item.Value))
			}
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && len(failures) < 10:
				failures = append(failures, err)
			case err == nil && fine:
				last = digest
				r.state.put(spaceContent, item.Key, nil)
			}
			err = nil
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

// checkContent asks for one content. It is fine if it is there and right, or need not be.
func (r *round) checkContent(ctx context.Context, digest, logID protocol.Hash, version string, at uint64) (fine bool, err error) {
	var release protocol.Release
	if _, err := r.state.getJSON(ctx, spaceRelease, releaseKey(logID, version), &release); err != nil {
		return false, err
	}
	if release.Yank != nil {
		return true, nil
	}
	f := &contentFacts{Version: version}
	places := []string{contentFile(digest)}
	if r.api {
		if f.Sources, err = get(ctx, r.source, api.ContentSourcesPath(digest), maxJSON); err != nil {
			return false, err
		}
		places = contentPlaces(f.Sources, digest)
	}
	for _, place := range places {
		answer, got, err := r.readContent(ctx, place, digest)
		if err != nil {
			return false, err
		}
		if !r.api {
			f.Sources = answer
		}
		if answer.has() && got == digest {
			r.report.Contents++
			r.options.Progress(Progress{Doing: "content", Done: r.report.Contents})
			return true, nil
		}
		f.Answers = append(f.Answers, answer)
		if answer.has() {
			f.Digest = got.String()
			break
		}
	}
	return false, r.reportContent(ctx, f, logID, at)
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
	return r.found(f)
}
