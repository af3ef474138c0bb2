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
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxContentKept is how many bytes of altered content go into evidence.
const maxContentKept = 4 << 20

// contentKey is where a content is kept: in spaceContent if it is to be asked for, and in
// spaceContents with all others. The value is the index of the record with the release;
// in spaceContent behind it is [Options.MaxContent], if the content is longer than that.
func contentKey(digest, logID protocol.Hash, version string) []byte {
	return append(append(digest[:], logID[:]...), version...)
}

// Contents are asked for some at a time, so that altered ones that are kept for evidence
// are not too much at once.
const (
	contentsTogether = 16
	contentsAtOnce   = 4 // requests side by side
	// contentsFailing is how many may fail, of those that are asked for together, before
	// the others are left for a later round: each may take as long as a request may.
	contentsFailing = contentsTogether / 2
)

// releasedContent is a release whose content is to be asked for.
type releasedContent struct {
	key     []byte // in the store
	digest  protocol.Hash
	logID   protocol.Hash
	version string
	at      uint64 // the record with the release
	value   []byte
	yanked  bool
	answer  *contentAnswer
}

// contentAnswer is what came of asking for a digest. Several releases may have it.
type contentAnswer struct {
	digest   protocol.Hash
	tooLong  bool
	facts    *contentFacts
	fine     bool
	err      error
	reported bool
}

// checkContents asks for the contents of releases that were not asked for yet, or not
// found right. An error says that some could not be asked for. The others were, or are in
// the next round, which begins with them.
func (r *round) checkContents(ctx context.Context) error {
	var failures []error
	var last *contentAnswer
	begin := r.seen.ContentAfter
	after, wrapped := begin, len(begin) == 0
	for {
		items, err := r.state.store.List(ctx, spaceContent, after, contentsTogether)
		if err != nil {
			return fmt.Errorf("list contents in the store: %w", err)
		}
		if wrapped && len(begin) > 0 {
			items = slices.DeleteFunc(items, func(i Item) bool { return bytes.Compare(i.Key, begin) > 0 })
		}
		switch {
		case len(items) == 0 && wrapped:
			r.seen.ContentAfter = nil
			return errors.Join(failures...)
		case len(items) == 0:
			after, wrapped = nil, true
			continue
		}
		after = items[len(items)-1].Key
		contents, answers, err := r.contentsOf(ctx, items, last)
		if err != nil {
			return err
		}
		r.askContents(ctx, answers)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, c := range contents {
			last = c.answer
			if err := r.judgeContent(ctx, c); err != nil {
				return err
			}
		}
		failing := 0
		for _, a := range answers {
			if a.err != nil {
				failing++
				failures = append(failures[:min(len(failures), 9)], a.err)
			}
		}
		if failing >= contentsFailing {
			r.seen.ContentAfter = after
			failures = append(failures, fmt.Errorf("%s: %w to so many requests for content that the others are left for later", r.source, ErrNoAnswer))
			return errors.Join(append(failures, r.save(ctx))...)
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// contentsOf reads what is to be asked for. Several releases of one content follow each
// other; it is asked for once.
func (r *round) contentsOf(ctx context.Context, items []Item, last *contentAnswer) (all []*releasedContent, answers []*contentAnswer, err error) {
	for _, item := range items {
		if len(item.Key) < 64 || len(item.Value) < 8 {
			continue
		}
		c := &releasedContent{
			key: item.Key, digest: protocol.Hash(item.Key[:32]), logID: protocol.Hash(item.Key[32:64]),
			version: string(item.Key[64:]), at: binary.BigEndian.Uint64(item.Value), value: item.Value[:8],
		}
		var release protocol.Release
		if _, err := r.state.getJSON(ctx, spaceRelease, releaseKey(c.logID, c.version), &release); err != nil {
			return nil, nil, err
		}
		c.yanked = release.Yank != nil
		if last == nil || last.digest != c.digest {
			last = &contentAnswer{digest: c.digest}
			last.tooLong = len(item.Value) == 16 && binary.BigEndian.Uint64(item.Value[8:]) >= uint64(r.options.MaxContent)
			answers = append(answers, last)
		}
		c.answer = last
		all = append(all, c)
	}
	return all, answers, nil
}

// askContents asks for some contents side by side.
func (r *round) askContents(ctx context.Context, answers []*contentAnswer) {
	slots := make(chan struct{}, contentsAtOnce)
	for _, a := range answers {
		if a.tooLong {
			continue // it was when it was asked for last
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			a.facts, a.fine, a.err = r.askContent(ctx, a.digest)
			if errors.Is(a.err, errTooLong) {
				a.tooLong, a.err = true, nil
			}
		}()
	}
	for range contentsAtOnce {
		slots <- struct{}{}
	}
	for _, a := range answers {
		if a.fine {
			r.report.Contents++
		}
	}
	r.options.Progress(Progress{Doing: "content", Done: r.report.Contents})
}

// judgeContent judges the answer for the content of a release. One that is not right is
// asked for again in the next round.
func (r *round) judgeContent(ctx context.Context, c *releasedContent) error {
	a := c.answer
	switch {
	case a.err != nil:
		return nil
	case a.fine:
		r.state.put(spaceContent, c.key, nil)
		return nil
	case a.tooLong:
		r.unchecked("content", "that of %s is longer than %d bytes", a.digest, r.options.MaxContent)
		r.state.put(spaceContent, c.key, binary.BigEndian.AppendUint64(bytes.Clone(c.value), uint64(r.options.MaxContent)))
		return nil
	case a.reported:
		return nil
	}
	f := *a.facts
	f.Version = c.version
	if c.yanked && f.withheld() {
		r.unchecked("content", "that of %s is not given; the release of it as %s is yanked", a.digest, c.version)
		return nil
	}
	if f.withheld() {
		if s, ok := r.withheldBy(c.digest); ok {
			r.unchecked("content", "that of %s is withheld by the registry since %s: %s", a.digest, s.Time.Format(time.DateOnly), s.Reason)
			return nil
		}
	}
	if f.blocked() && !r.statements.asked { // it was said why this is not known
		return nil
	}
	a.reported = true
	return r.reportContent(ctx, &f, c.logID, c.at)
}

// errTooLong says that a content is longer than [Options.MaxContent].
var errTooLong = errors.New("it is too long")

// askContent asks for one content. It changes nothing of the round.
func (r *round) askContent(ctx context.Context, digest protocol.Hash) (f *contentFacts, fine bool, err error) {
	f = new(contentFacts)
	places := []string{contentFile(digest)}
	var failed error // of places that did not answer; another may
	if r.api {
		if f.Sources, err = get(ctx, r.source, api.ContentSourcesPath(digest), maxJSON); err != nil {
			return f, false, err
		}
		places = contentPlaces(f.Sources, digest)
	}
	for _, place := range places {
		answer, got, err := r.readContent(ctx, place, digest)
		if err != nil && !errors.Is(err, errNoLink) { // which has no status
			failed = errors.Join(failed, err)
			continue
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
			return f, false, nil
		}
	}
	return f, false, failed
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
		return e, got, fmt.Errorf("%s: content %s: %w: more than %d bytes", r.source, want, errTooLong, r.options.MaxContent)
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
