package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	contentSize     = 100 << 20 // bytes
	contentPackages = 2000      // records published with content in each store, at most
)

// contentStores are the places where content is kept.
var contentStores = []struct {
	name  string
	start func(buckets.T) *buckets.Server // nil: a folder
}{{"a folder", nil}, {"S3", buckets.S3}, {"GCS", buckets.GCS}, {"Azure", buckets.Azure}}

// measureContent measures what memory a large content takes on its way in and out, through
// each store, and how fast records are published with content in a folder and in S3.
func measureContent(ctx context.Context, s *settings, t *table) error {
	for _, store := range contentStores {
		if err := s.measureStore(ctx, store.name, store.start, t); err != nil {
			return fmt.Errorf("content in %s: %w", store.name, err)
		}
	}
	return nil
}

func (s *settings) measureStore(ctx context.Context, name string, start func(buckets.T) *buckets.Server, t *table) (err error) {
	h := &host{ctx: ctx, dir: s.dir}
	defer h.end(&err)
	var flags []string
	if start != nil {
		bucket := start(h)
		if bucket == nil {
			t.note("Content in %s was not measured: its server is not installed.", name)
			return nil
		}
		flags = []string{"--content-url", bucket.URL}
	}
	srv, _, err := s.newServer(ctx, "content", flags...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	if err := srv.provideContent(ctx); err != nil { // the validator is compiled now
		return err
	}
	kinds := largeContents(contentSize)
	if err := srv.measureUpload(ctx, name+", just after the start", kinds[0], t); err != nil {
		return err
	}
	if err := srv.measurePublishing(ctx, name, min(s.packages, contentPackages), s.publishers, t); err != nil {
		return err
	}
	for _, kind := range kinds[1:] {
		if err := srv.measureUpload(ctx, name, kind, t); err != nil {
			return err
		}
	}
	path := "content/" + strings.Replace(protocol.HashOf(kinds[0].bytes).String(), ":", "-", 1)
	return srv.measureMemory("100 MiB downloaded from "+name, t, func() error { return srv.discard(ctx, path, contentSize) })
}

// measureUpload publishes a package with a large content.
func (s *server) measureUpload(ctx context.Context, where string, content largeContent, t *table) error {
	return s.measureMemory(fmt.Sprintf("100 MiB, %s, uploaded to %s", content.what, where), t, func() error {
		_, err := publishContent(ctx, s, namespace+":large-"+content.name, content.bytes)
		return err
	})
}

// measurePublishing measures how fast packages are published that all have one content,
// and those that bring a content each.
func (s *server) measurePublishing(ctx context.Context, where string, packages, publishers int, t *table) error {
	records, err := newPackages("p", packages, publishers)
	if err != nil {
		return err
	}
	accepted, published, err := s.load(ctx, records, publishers)
	if err != nil {
		return err
	}
	n := float64(packages)
	t.add("records of a content that is there, in "+where, "", "accepted %.0f/s, published %.0f/s", n/accepted.Seconds(), n/published.Seconds())
	took, err := s.loadContents(ctx, packages, publishers)
	if err != nil {
		return err
	}
	t.add("records with 16 KiB of content each, in "+where, "", "published %.0f/s", n/took.Seconds())
	return nil
}

// measureMemory measures how much more memory the server takes at most while something is done.
func (s *server) measureMemory(what string, t *table, do func() error) error {
	// Forgets the most that was resident so far: see proc_pid_clear_refs(5).
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0); err != nil {
		return err
	}
	before, _, err := s.resident()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := do(); err != nil {
		return err
	}
	took := time.Since(start)
	_, most, err := s.resident()
	if err != nil {
		return err
	}
	t.add("more memory resident, "+what, "at most 32 MiB", "%.1f MiB (from %d MiB) in %s", float64(most-before)/1024, before>>10, milliseconds(took))
	return nil
}

// discard reads what is at a path, and keeps nothing of it.
func (c *client) discard(ctx context.Context, path string, want int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && (n != want || response.StatusCode != http.StatusOK) {
		err = fmt.Errorf("%s: %s, %d bytes, want %d", path, response.Status, n, want)
	}
	return err
}

// host is the [buckets.T] of a measurement.
type host struct {
	ctx      context.Context
	dir      string
	cleanUps []func()
}

// fatal is what Fatal panics with.
type fatal struct{ error }

func (h *host) Helper()                         {}
func (h *host) Context() context.Context        { return h.ctx }
func (h *host) Cleanup(f func())                { h.cleanUps = append(h.cleanUps, f) }
func (h *host) Failed() bool                    { return false }
func (h *host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (h *host) Fatal(args ...any)               { panic(fatal{errors.New(fmt.Sprint(args...))}) }

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp(h.dir, "bucket-")
	if err != nil {
		h.Fatal(err)
	}
	return dir
}

func (h *host) Setenv(name, value string) {
	before, was := os.LookupEnv(name)
	h.Cleanup(func() {
		if was {
			os.Setenv(name, before)
		} else {
			os.Unsetenv(name)
		}
	})
	os.Setenv(name, value)
}

// end ends what was started, and makes an error of what was fatal.
func (h *host) end(err *error) {
	switch f := recover().(type) {
	case nil:
	case fatal:
		*err = errors.Join(*err, f.error)
	default:
		defer panic(f)
	}
	for i := len(h.cleanUps) - 1; i >= 0; i-- {
		h.cleanUps[i]()
	}
}
