package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/mirror"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// upstream is a registry with its API on a server, whose answers a test can change.
type upstream struct {
	*registrytest.Setup
	server   *httptest.Server
	requests atomic.Int64
	tagged   atomic.Int64                                            // of these, those for news alone
	change   atomic.Pointer[func(path string, answer []byte) []byte] // nil: 404
	noFiles  bool
}

func newUpstream(t *testing.T, files bool) *upstream {
	u := &upstream{Setup: registrytest.New(t), noFiles: !files}
	u.Start()
	api := httpapi.New(u.Registry, httpapi.Options{
		Logger: slog.New(slog.DiscardHandler),
		VKeys:  map[tlog.Log][]string{tlog.Records: u.NoteKeys[0].VKeys(), tlog.Checkpoints: u.NoteKeys[1].VKeys()},
	})
	u.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.requests.Add(1)
		if r.Header.Get("If-None-Match") != "" {
			u.tagged.Add(1)
		}
		change := u.change.Load()
		if u.noFiles && strings.HasPrefix(r.URL.Path, "/tlog/") {
			http.NotFound(w, r)
			return
		}
		if change == nil {
			api.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		body := (*change)(r.URL.Path, answer.Body.Bytes())
		if body == nil {
			http.NotFound(w, r)
			return
		}
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		w.Write(body)
	}))
	t.Cleanup(u.server.Close)
	return u
}

// lie changes answers from now on; nil: not any more.
func (u *upstream) lie(change func(path string, answer []byte) []byte) {
	if change == nil {
		u.change.Store(nil)
		return
	}
	u.change.Store(&change)
}

// observed is what metrics are told.
type observed struct {
	mu      sync.Mutex
	caught  []string
	records uint64
}

func (o *observed) UpstreamCaught(_, claim string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.caught = append(o.caught, claim)
}

func (o *observed) Mirrored(_ string, records, _ uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = records
}

func (o *observed) claims() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.caught)
}

// copied is a mirror on parts of its own.
type copied struct {
	t        *testing.T
	dir      string
	registry federation.Registry
	interval time.Duration
	ahead    atomic.Int64 // how far its clock is, in nanoseconds
	observed observed
	cache    *cache.Cache
	*mirror.Mirror
	close func()
}

func newCopy(t *testing.T, u *upstream, change ...func(*federation.Registry)) *copied {
	c := &copied{t: t, dir: t.TempDir(), cache: cache.New(1 << 20), interval: 20 * time.Millisecond, registry: federation.Registry{
		Domain: "upstream.example", URL: u.server.URL, OperatorKey: u.Key.Public(), Mode: federation.Mirror, Contents: federation.AllContent, AllowPrivate: true,
	}}
	for _, f := range change {
		f(&c.registry)
	}
	c.start()
	t.Cleanup(func() { c.close() })
	return c
}

func (c *copied) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *copied) start() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	db, err := store.OpenSQLite(ctx, filepath.Join(c.dir, "registry.db"))
	c.must(err)
	service, err := trilliansvc.Embedded(ctx, c.dir, slog.New(slog.DiscardHandler))
	c.must(err)
	records, err := service.OpenPreordered(ctx, 0, "mirror")
	c.must(err)
	folder, err := content.OpenFolder(filepath.Join(c.dir, "content"), content.FolderOptions{MaxSize: 1 << 20})
	c.must(err)
	c.Mirror, err = mirror.Open(ctx, mirror.Options{
		Registry: c.registry, Store: db, Records: records, Contents: folder, Dir: filepath.Join(c.dir, "upstream"), HTTP: new(http.Client),
		Interval: c.interval, Cache: c.cache, Observer: &c.observed, Logger: slog.New(slog.NewTextHandler(c.t.Output(), nil)), Now: c.now,
	})
	c.must(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	c.close = func() {
		c.close = func() {}
		cancel()
		<-done
		c.must(c.Close())
		c.must(service.Close())
		c.must(db.Close())
	}
}

func (c *copied) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// await waits until the mirror serves what the upstream has.
func (c *copied) await(u *upstream) protocol.SignedCheckpoint {
	c.t.Helper()
	want, err := u.LatestCheckpoint(context.Background())
	c.must(err)
	u.Eventually(fmt.Sprintf("the mirror serves %d records; remarks %q", want.Contents.LogLength, c.Remarks()), func() bool {
		got, err := c.LatestCheckpoint(context.Background())
		return err == nil && got == want
	})
	return want
}

// check compares what the mirror and the upstream answer, at the newest checkpoint.
func (c *copied) check(u *upstream) {
	c.t.Helper()
	ctx := context.Background()
	newest := c.await(u)
	reading := &registrytest.Setup{T: c.t, Key: u.Key, Registry: c.Parts()}
	reading.CheckPublished()
	u.CheckPublished()
	length := newest.Contents.LogLength
	indices := []uint64{length - 1} // a head
	log, entries, err := c.ProveInclusion(ctx, length, indices)
	c.must(err)
	wantLog, wantEntries, err := u.ProveInclusion(ctx, length, indices)
	c.must(err)
	if !bytes.Equal(log, wantLog) || !bytes.Equal(entries, wantEntries) {
		c.t.Error("other proofs of inclusion than the upstream's")
	}
	for from := uint64(1); from < length; from += 1 + length/7 {
		got, err := c.ProveConsistency(ctx, from, length)
		c.must(err)
		want, err := u.ProveConsistency(ctx, from, length)
		c.must(err)
		if !bytes.Equal(got, want) {
			c.t.Errorf("another proof of consistency from %d", from)
		}
	}
}

func (c *copied) readContent(text string) (string, error) {
	f, _, err := c.OpenContent(context.Background(), protocol.HashOf([]byte(text)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// A mirror serves what its upstream has: followed by bundles of envelopes and by the v1 API,
// across its own restarts, and when the upstream is gone.
func TestMirror(t *testing.T) {
	for how, files := range map[string]bool{"by bundles": true, "by the v1 API": false} {
		t.Run(how, func(t *testing.T) {
			u := newUpstream(t, files)
			u.Load("example:first", 2)
			c := newCopy(t, u)
			c.check(u)
			u.LoadAtOnce(12, 60)
			c.check(u)
			c.close()
			u.Load("example:later", 3)
			u.Load("example:first2", 1)
			c.start()
			c.check(u)
			if files {
				checkSameCheckpoints(t, u, c)
				u.Eventually("the note of the upstream is served", func() bool {
					got, err := c.LogNote(context.Background(), tlog.Records)
					want, err2 := u.LogNote(context.Background(), tlog.Records)
					return err == nil && err2 == nil && bytes.Equal(got, want)
				})
				f := tlog.File{Kind: tlog.Tile, Level: 1, Index: 0, Width: 2}
				got, err := c.LogFile(context.Background(), tlog.Records, f)
				c.must(err)
				u.Eventually("the upstream has its tiles", func() bool {
					want, err := u.LogFile(context.Background(), tlog.Records, f)
					return err == nil && bytes.Equal(got, want)
				})
			}
			u.Eventually("its content is here", func() bool {
				text, err := c.readContent("example:later")
				return err == nil && text == "example:later"
			})
			want := c.await(u)
			u.server.Close()
			c.close()
			c.start() // without the upstream
			c.must(c.Ready(context.Background()))
			if got, err := c.LatestCheckpoint(context.Background()); err != nil || got != want {
				t.Errorf("without the upstream: %v %v", got, err)
			}
			if text, err := c.readContent("example:p3"); err != nil || text != "example:p3" {
				t.Errorf("content without the upstream: %q %v", text, err)
			}
			if _, err := c.Publish(context.Background(), protocol.Hash{}, protocol.PackageName{}, protocol.Envelope{}); err == nil {
				t.Error("a mirror took a record")
			}
			if caught := c.observed.claims(); len(caught) > 0 || len(c.Remarks()) > 0 {
				t.Errorf("an honest upstream: caught at %q, remarks %q", caught, c.Remarks())
			}
		})
	}
}

// A mirror asks for the newest checkpoint only if that is another one than it has.
func TestMirrorAsksForNews(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	c := newCopy(t, u)
	c.await(u)
	u.Eventually("an idle upstream is asked for news", func() bool { return u.tagged.Load() > 2 })
	u.Load("example:two", 1)
	c.await(u)
}

// What is read of a mirror is kept in the cache that it is given, and not read again.
func TestMirrorKeepsWhatWasRead(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 2)
	c := newCopy(t, u)
	newest := c.await(u)
	name, err := protocol.ParsePackageName("example:one")
	c.must(err)
	fetch := func() uint64 {
		before := c.cache.Stats().Misses
		_, err := c.FetchLogs(context.Background(), reader.FetchLogsRequest{
			LogLength: newest.Contents.LogLength, Limit: 10, Packages: []reader.PackageLogCursor{{LogID: name.LogID()}},
		})
		c.must(err)
		return c.cache.Stats().Misses - before
	}
	if missed := fetch(); missed == 0 {
		t.Error("nothing was looked for in the cache")
	}
	if missed := fetch(); missed > 0 {
		t.Errorf("%d lookups found nothing of what was just read", missed)
	}
}

// checkSameCheckpoints demands that the mirror has every checkpoint of the upstream, as it
// was signed, and its checkpoints log, in the same files and under the same note.
func checkSameCheckpoints(t *testing.T, u *upstream, c *copied) {
	t.Helper()
	here := &registrytest.Setup{T: t, Options: parts.Options{Store: c.Store()}}
	if got, want := here.SignedCheckpoints(), u.SignedCheckpoints(); !maps.Equal(got, want) {
		t.Errorf("%d checkpoints, want %d, or others", len(got), len(want))
	}
	ctx := context.Background()
	size := len(u.SignedCheckpoints())
	var note []byte
	u.Eventually("the note of all checkpoints is served", func() bool {
		var err error
		note, err = c.LogNote(ctx, tlog.Checkpoints)
		head, err2 := tlog.HeadOf(note)
		return err == nil && err2 == nil && head.Size == uint64(size)
	})
	if want, err := u.LogNote(ctx, tlog.Checkpoints); err != nil || !bytes.Equal(note, want) {
		t.Errorf("another note of the checkpoints log: %v", err)
	}
	for _, kind := range []tlog.Kind{tlog.Entries, tlog.Tile} {
		f := tlog.File{Kind: kind, Index: uint64(size-1) / tlog.TileWidth, Width: (size-1)%tlog.TileWidth + 1}
		got, err := c.LogFile(ctx, tlog.Checkpoints, f)
		want, err2 := u.LogFile(ctx, tlog.Checkpoints, f)
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s of the checkpoints log differs: %v %v", f.Path(), err, err2)
		}
	}
}

// Whatever an upstream lies about is caught, said, and not served; and what was served
// before is served on, until the upstream tells the truth again.
func TestMirrorCatchesLies(t *testing.T) {
	for what, lie := range map[string]struct {
		files bool
		claim string
		lie   func(u *upstream, old protocol.SignedCheckpoint) func(path string, answer []byte) []byte
	}{
		"an old checkpoint": {true, "consistency", func(_ *upstream, old protocol.SignedCheckpoint) func(string, []byte) []byte {
			older := old
			older.Contents.LogLength--
			return onPath("/v1/fetch/checkpoint", func([]byte) []byte { return mustJSON(older) })
		}},
		"a stranger's signature": {true, "checkpoint signature", func(u *upstream, _ protocol.SignedCheckpoint) func(string, []byte) []byte {
			stranger := registrytest.NewKey(u.T)
			return onPath("/v1/fetch/checkpoint", func(answer []byte) []byte {
				var c protocol.SignedCheckpoint
				u.Must(c.UnmarshalJSON(answer))
				return mustJSON(c.Contents.Sign(stranger))
			})
		}},
		"a forked log": {true, "consistency", func(u *upstream, _ protocol.SignedCheckpoint) func(string, []byte) []byte {
			return onPath("/v1/fetch/checkpoint", func(answer []byte) []byte {
				var c protocol.SignedCheckpoint
				u.Must(c.UnmarshalJSON(answer))
				c.Contents.LogRoot[3]++
				return mustJSON(c.Contents.Sign(u.Key))
			})
		}},
		"another envelope in a bundle": {true, "record", func(*upstream, protocol.SignedCheckpoint) func(string, []byte) []byte {
			return onPath("/tlog/records/tile/envelopes/", flipNearEnd)
		}},
		"a cut bundle": {true, "record", func(*upstream, protocol.SignedCheckpoint) func(string, []byte) []byte {
			return onPath("/tlog/records/tile/envelopes/", func(b []byte) []byte { return b[:len(b)-1] })
		}},
		"other leaves in the ledger": {false, "record", func(*upstream, protocol.SignedCheckpoint) func(string, []byte) []byte {
			return onPath("/v1/ledger/records/", flipNearEnd)
		}},
		"a note of another log": {true, "note", func(*upstream, protocol.SignedCheckpoint) func(string, []byte) []byte {
			return onPath("/tlog/records/checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte("example.com"), []byte("example.org"), 1) })
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, lie.files)
			u.Load("example:one", 3)
			c := newCopy(t, u)
			old := c.await(u)
			c.close() // so that it sees nothing between
			u.Load("example:two", 3)
			u.Load("example:three", 1)
			u.lie(lie.lie(u, old))
			c.start()
			u.Eventually("it is caught", func() bool { return len(c.observed.claims()) > 1 })
			for _, claim := range c.observed.claims() {
				if claim != lie.claim {
					t.Errorf("caught at %q, want %q", claim, lie.claim)
				}
			}
			if len(c.Remarks()) != 1 || !strings.Contains(c.Remarks()[0], "does not hold") {
				t.Errorf("remarks: %q", c.Remarks())
			}
			served, err := c.LatestCheckpoint(context.Background())
			c.must(err)
			// It may have taken over what came before the lie.
			length := served.Contents.LogLength
			if true, newest := u.SignedCheckpoints()[length], newestOf(u); true.Checkpoint != served.Contents.Checkpoint || lie.claim != "note" && length == newest {
				t.Errorf("it serves %+v, of %d records", served.Contents, newest)
			}
			u.lie(nil)
			c.check(u)
		})
	}
}

func newestOf(u *upstream) uint64 {
	c, err := u.LatestCheckpoint(context.Background())
	u.Must(err)
	return c.Contents.LogLength
}

func onPath(prefix string, change func([]byte) []byte) func(string, []byte) []byte {
	return func(path string, answer []byte) []byte {
		if !strings.HasPrefix(path, prefix) {
			return answer
		}
		return change(bytes.Clone(answer))
	}
}

func flipNearEnd(b []byte) []byte {
	b[len(b)-10] ^= 1
	return b
}

func mustJSON(c protocol.SignedCheckpoint) []byte {
	b, err := c.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return b
}

// Content that is not what its digest says is caught, and another try gets the right one.
func TestMirrorCatchesContent(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	u.lie(onPath("/content/", flipFirst))
	c := newCopy(t, u)
	c.await(u)
	u.Eventually("it is caught", func() bool { return len(c.observed.claims()) > 0 })
	if claims := c.observed.claims(); claims[0] != "content" {
		t.Errorf("caught at %q", claims)
	}
	if text, err := c.readContent("example:one"); err == nil {
		t.Errorf("it serves %q", text)
	}
	u.lie(nil)
	if text, err := c.readContent("example:one"); err != nil || text != "example:one" {
		t.Errorf("asked for again: %q %v", text, err)
	}
}

func flipFirst(b []byte) []byte {
	b[0] ^= 1
	return b
}

// Of a mirror with a filter the other packages are not served, nor is their content
// fetched; and one whose content comes on use gets it then.
func TestMirrorOfSomePackages(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:wanted", 1)
	u.Load("example:other", 1)
	filter, err := federation.NewFilter(nil, []string{"example:wanted"})
	u.Must(err)
	c := newCopy(t, u, func(r *federation.Registry) { r.Filter, r.Contents = filter, federation.ContentOnUse })
	c.await(u)
	ctx := context.Background()
	wanted, _ := protocol.ParsePackageName("example:wanted")
	other, _ := protocol.ParsePackageName("example:other")
	named, err := c.Names(ctx, []protocol.Hash{wanted.LogID(), other.LogID()})
	c.must(err)
	for _, n := range named {
		if want := map[protocol.Hash]string{wanted.LogID(): "example:wanted"}[n.LogID]; n.Name != want {
			t.Errorf("log %s has the name %q, want %q", n.LogID, n.Name, want)
		}
	}
	if text, err := c.readContent("example:wanted"); err != nil || text != "example:wanted" {
		t.Errorf("content on use: %q %v", text, err)
	}
	if text, err := c.readContent("example:other"); err == nil {
		t.Errorf("content of a package that is not served: %q", text)
	}
	u.server.Close()
	if text, err := c.readContent("example:wanted"); err != nil || text != "example:wanted" {
		t.Errorf("content that was used before, without the upstream: %q %v", text, err)
	}
}

// An idle upstream is asked once in an interval.
func TestMirrorOfIdleUpstreamIsQuiet(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	c := newCopy(t, u)
	c.await(u)
	for _, log := range tlog.Logs {
		u.Eventually("the note is here", func() bool {
			here, err := c.LogNote(context.Background(), log)
			want, err2 := u.LogNote(context.Background(), log)
			return err == nil && err2 == nil && bytes.Equal(here, want)
		})
	}
	c.close()
	c.interval = 200 * time.Millisecond
	before := u.requests.Load()
	begun := time.Now()
	c.start()
	u.Eventually("it is asked some times", func() bool { return u.requests.Load()-before >= 8 })
	c.close()
	if n, most := u.requests.Load()-before, int64(time.Since(begun)/c.interval)+1; n > most {
		t.Errorf("%d requests, want at most %d", n, most)
	}
}

// What the upstream's operator withholds is withheld here, too, unless the mirror is to ignore
// it; a list that goes back is caught, and stays in force.
func TestMirrorHonoursWithheldContent(t *testing.T) {
	u := newUpstream(t, true)
	u.Load("example:one", 1)
	ctx := context.Background()
	honouring := newCopy(t, u)
	ignoring := newCopy(t, u, func(r *federation.Registry) { r.IgnoreWithheld = true })
	for _, c := range []*copied{honouring, ignoring} {
		c.await(u)
		u.Eventually("the content is here", func() bool { _, err := c.readContent("example:one"); return err == nil })
	}
	page, err := u.Withheld(ctx, 0)
	u.Must(err)
	statement := withheld.NewChain(page.Origin).Next(withheld.Statement{
		Action: withheld.Withhold, Digest: protocol.HashOf([]byte("example:one")), Time: time.Now().UTC().Truncate(time.Second), Reason: "a test",
	})
	signed, err := statement.Sign(u.Key)
	u.Must(err)
	u.Must(u.Withhold(ctx, signed))
	u.Eventually("the mirror withholds it", func() bool {
		_, err := honouring.readContent("example:one")
		var blocked *registry.WithheldError
		return errors.As(err, &blocked) && blocked.Statement.Reason == "a test"
	})
	if _, err := ignoring.readContent("example:one"); err != nil {
		t.Errorf("the mirror that ignores it: %v", err)
	}
	u.lie(onPath("/v1/withheld", func([]byte) []byte {
		return withheld.Page{Origin: page.Origin}.AppendJSON(nil)
	}))
	u.Eventually("it is caught", func() bool { return len(honouring.observed.claims()) > 0 })
	if _, err := honouring.readContent("example:one"); err == nil {
		t.Error("a list that went back releases what it withheld")
	}
}
