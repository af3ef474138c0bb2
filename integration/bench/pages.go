package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// pagesAsked is how many pages of each kind are asked for, one after the other.
const pagesAsked = 200

// pagesLog is the log of a catalogue as the pages see it: nothing of it is read from a
// database, so what is measured is the index and the making of pages.
type pagesLog struct{ *catalogue }

func (l pagesLog) Growth(_ context.Context, points int) (some []protocol.TimestampedCheckpoint, err error) {
	for i := range points {
		length := l.length() * uint64(i+1) / uint64(points)
		some = append(some, protocol.TimestampedCheckpoint{Checkpoint: protocol.Checkpoint{LogLength: length}, Timestamp: 1_700_000_000 + length})
	}
	return some, nil
}

func (pagesLog) LogNote(_ context.Context, log tlog.Log) ([]byte, error) {
	return nil, &registry.NoNoteError{Log: string(log)}
}

// pageKind is a kind of page.
type pageKind struct {
	name string
	path func(*rand.Rand) string
}

func (w *catalogue) pageKinds() []pageKind {
	pkg := func(r *rand.Rand, rest string) string { return "/packages/" + w.name(r.IntN(w.packages)) + rest }
	return []pageKind{
		{"home", func(*rand.Rand) string { return "/" }},
		{"all packages", func(*rand.Rand) string { return "/search" }},
		{"search for a word", func(r *rand.Rand) string { return "/search?search=" + w.words[often(r, len(w.words))] }},
		{"search by interface", func(r *rand.Rand) string {
			return "/search?imports=" + url.QueryEscape(w.interfaces[often(r, len(w.interfaces))])
		}},
		{"package", func(r *rand.Rand) string { return pkg(r, "") }},
		{"release", func(r *rand.Rand) string { return pkg(r, "/1.2.0") }},
		{"log of a package", func(r *rand.Rand) string { return pkg(r, "/log") }},
		{"dependents", func(r *rand.Rand) string { return pkg(r, "/dependents") }},
		{"interface", func(r *rand.Rand) string {
			return "/interfaces?name=" + url.QueryEscape(w.interfaces[often(r, len(w.interfaces))])
		}},
		{"key", func(r *rand.Rand) string { return "/keys/" + string(w.keys[r.IntN(len(w.keys))].Public().ID()) }},
		{"checkpoints", func(*rand.Rand) string { return "/checkpoints" }},
	}
}

// measurePages asks for pages over HTTP, one at a time: how long each takes, and how large it is.
func measurePages(ctx context.Context, index *discovery.Index, w *catalogue, t *table) error {
	site := web.New(web.Options{Index: index, Log: pagesLog{w}})
	server := httptest.NewServer(httpapi.New(nobody{}, httpapi.Options{Web: site, Logger: slog.New(slog.DiscardHandler)}))
	defer server.Close()
	for _, kind := range w.pageKinds() {
		random := rand.New(rand.NewPCG(3, 3))
		var took []time.Duration
		largest := 0
		for range pagesAsked {
			path := kind.path(random)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
			if err != nil {
				return err
			}
			request.Header.Set("Accept", "text/html")
			begin := time.Now()
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil {
				return err
			}
			took = append(took, time.Since(begin))
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: status %d", path, answer.StatusCode)
			}
			largest = max(largest, len(body))
		}
		t.add("page: "+kind.name, "p99 50 ms, 100 KiB", "p50 %s, p99 %s, at most %.0f KiB", milliseconds(median(took)), milliseconds(percentile(took, 0.99)), float64(largest)/1024)
	}
	return nil
}
