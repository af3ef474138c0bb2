package oci_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// large is the reading part of a registry with one package of many releases, in memory.
type large struct {
	oci.Reader
	log     []reader.PublishedRecord
	length  atomic.Uint64  // of the log, so far
	pages   atomic.Int64   // that were read with records
	places  map[string]int // behind a fetch token
	opening chan struct{}  // nil, or what each opening of a content waits for
}

func newLarge(b testing.TB, count int) *large {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		b.Fatal(err)
	}
	var log []reader.PublishedRecord
	for i := range count {
		record := protocol.PackageRecord{Time: protocol.TimeOf(time.Now()), Entries: []protocol.PackageEntry{
			{Type: protocol.EntryRelease, Version: fmt.Sprintf("1.0.%d", i), Content: protocol.HashOf([]byte(fmt.Sprint(i))).Any()},
		}}
		envelope := record.Sign(key)
		log = append(log, reader.PublishedRecord{RecordID: protocol.PackageRecordID(envelope.Content), Envelope: envelope, RegistryIndex: uint64(i)})
	}
	l := &large{log: log, places: map[string]int{"": 0}}
	for i, r := range log {
		l.places[r.RecordID.String()] = i + 1
	}
	l.length.Store(uint64(count))
	return l
}

func (l *large) LatestCheckpoint(context.Context) (c protocol.SignedCheckpoint, err error) {
	c.Contents.LogLength = l.length.Load()
	return c, nil
}

func (l *large) FetchLogs(_ context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error) {
	asked := q.Packages[0]
	from := l.places[asked.FetchToken]
	to := max(from, min(from+q.Limit, int(q.LogLength)))
	if to > from {
		l.pages.Add(1)
	}
	return reader.FetchLogsResponse{
		Packages: []reader.PackageRecords{{LogID: asked.LogID, Records: l.log[from:to]}}, More: to < int(q.LogLength),
	}, nil
}

func (l *large) OpenContent(context.Context, protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	if l.opening != nil {
		<-l.opening
	}
	return nopCloser{bytes.NewReader([]byte("\x00asm\x0d\x00\x01\x00"))}, time.Time{}, nil
}

func (l *large) ListedProof(context.Context, protocol.PackageName, protocol.Hash) (p reader.ListedProof, ok bool, err error) {
	return p, false, nil
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// BenchmarkLargePackage asks for a package of 10,000 releases: cold, by a process that
// knows nothing of it, and warm.
func BenchmarkLargePackage(b *testing.B) {
	l := newLarge(b, 10_000)
	for what, path := range map[string]string{
		"tags":           "tags/list",
		"by tag":         "manifests/1.0.5000",
		"unknown digest": "manifests/" + protocol.HashOf(nil).String(),
	} {
		request := httptest.NewRequest("GET", "/v2/example/large/"+path, nil)
		b.Run(what+"/cold", func(b *testing.B) {
			for b.Loop() {
				oci.New(l, oci.Options{Cache: cache.New(64 << 20)}).Answer(request)
			}
		})
		b.Run(what+"/warm", func(b *testing.B) {
			g := oci.New(l, oci.Options{Cache: cache.New(64 << 20)})
			g.Answer(request)
			for b.Loop() {
				g.Answer(request)
			}
		})
	}
}

// Those who ask for digests of a large package at the same time wait for one another, and
// no longer than they like; what one has found out the others need not.
func TestManyImagesAtATime(t *testing.T) {
	l := newLarge(t, 1000)
	l.opening = make(chan struct{})
	g := oci.New(l, oci.Options{Cache: cache.New(64 << 20)})
	request := httptest.NewRequest("GET", "/v2/example/large/manifests/"+protocol.HashOf(nil).String(), nil)
	ask := func(ctx context.Context) <-chan error {
		answered := make(chan error, 1)
		go func() {
			_, err := g.Answer(request.WithContext(ctx))
			answered <- err
		}()
		return answered
	}
	first := ask(context.Background())
	l.opening <- struct{}{} // it is at work
	impatient, cancel := context.WithCancel(context.Background())
	second, third := ask(impatient), ask(context.Background())
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever does not wait gets %v", err)
	}
	for opened := 1; opened < 1000; opened++ {
		l.opening <- struct{}{}
	}
	for _, answered := range []<-chan error{first, third} {
		if p, ok := oci.ProblemOf(<-answered); !ok || p.Code != "MANIFEST_UNKNOWN" {
			t.Errorf("problem %v", p)
		}
	}
	select {
	case l.opening <- struct{}{}:
		t.Error("a content was read again")
	default:
	}
}

// A package too large for the cache is read once, whoever asks, and then as far as it has
// grown; another one takes its place, and with no cache nothing is kept.
func TestPackageBeyondTheCache(t *testing.T) {
	l := newLarge(t, 6000)
	l.length.Store(5500)
	g := oci.New(l, oci.Options{Cache: cache.New(64 << 10)})
	tags := func(want int) {
		t.Helper()
		var asked sync.WaitGroup
		for range 8 {
			asked.Go(func() {
				answer, err := g.Answer(httptest.NewRequest("GET", "/v2/example/large/tags/list", nil))
				var list struct{ Tags []string }
				if err != nil || json.Unmarshal(answer.Body, &list) != nil || len(list.Tags) != want {
					t.Errorf("%d tags, error %v, want %d", len(list.Tags), err, want)
				}
			})
		}
		asked.Wait()
	}
	pages := func(most int64) {
		t.Helper()
		if read := l.pages.Swap(0); read > most {
			t.Errorf("%d pages were read, want %d at most", read, most)
		}
	}
	tags(5500)
	pages(8 + 6) // the first one by each, to see that there are more
	tags(5500)
	pages(0)
	l.length.Store(6000)
	tags(6000)
	pages(8 + 1)
	if answer, err := g.Answer(httptest.NewRequest("GET", "/v2/example/large/manifests/1.0.5999", nil)); err != nil {
		t.Errorf("the newest: %s %v", answer.Body, err)
	}
	pages(0)
	if _, err := g.Answer(httptest.NewRequest("GET", "/v2/example/other/tags/list", nil)); err != nil {
		t.Error(err)
	}
	pages(1 + 6)
	tags(6000)
	pages(8 + 6)

	g = oci.New(l, oci.Options{})
	tags(6000)
	pages(8 * (1 + 6))
	tags(6000)
	if read := l.pages.Load(); read < 8*6 {
		t.Errorf("%d pages were read: something is kept", read)
	}
}

// A package has a largest size, and whoever asks for more is told.
func TestTooManyReleases(t *testing.T) {
	l := newLarge(t, 1)
	release := l.log[0]
	g := oci.New(&repeated{l, release}, oci.Options{Cache: cache.New(64 << 20)})
	request := httptest.NewRequest("GET", "/v2/example/large/tags/list", nil)
	_, err := g.Answer(request)
	if _, ok := errors.AsType[*registry.TooLargeError](err); !ok || !strings.Contains(err.Error(), "more than 100000 releases") {
		t.Errorf("error %v", err)
	}
}

// repeated has the same record again and again.
type repeated struct {
	*large
	release reader.PublishedRecord
}

func (r *repeated) FetchLogs(_ context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error) {
	return reader.FetchLogsResponse{Packages: []reader.PackageRecords{{LogID: q.Packages[0].LogID, Records: slices.Repeat([]reader.PublishedRecord{r.release}, q.Limit)}}, More: true}, nil
}
