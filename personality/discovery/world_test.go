package discovery

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/wake"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// world is a published log in memory, with contents and what is in them.
type world struct {
	t   *testing.T
	mu  sync.Mutex
	log []tlog.NamedEnvelope
	// length is that of the checkpoint; 0: of the log.
	length     uint64
	contents   map[protocol.Hash][]byte
	inside     map[protocol.Hash]inside
	statements []withheld.Signed
	away       error
	version    int
	grown      wake.Broadcast
	described  int

	operator protocol.PrivateKey
	heads    map[string]protocol.AnyHash
	now      time.Time
}

// inside is what a describer says of a content.
type inside struct {
	discovery.Description
	wit *discovery.WIT
	err error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, contents: map[protocol.Hash][]byte{}, inside: map[protocol.Hash]inside{}, heads: map[string]protocol.AnyHash{}, version: 1,
		operator: newKey(t), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	record := protocol.OperatorRecord{Time: protocol.TimeOf(w.now), Entries: []protocol.OperatorEntry{{Type: protocol.EntryInit, Key: w.operator.Public()}}}
	w.log = append(w.log, tlog.NamedEnvelope{Envelope: record.Sign(w.operator).MarshalProto()})
	return w
}

func newKey(t testing.TB) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publish appends a record to a package's log.
func (w *world) publish(name string, key protocol.PrivateKey, entries ...protocol.PackageEntry) protocol.Hash {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Second)
	if w.heads[name] == "" {
		entries = append([]protocol.PackageEntry{{Type: protocol.EntryInit, Key: key.Public()}}, entries...)
	}
	record := protocol.PackageRecord{Prev: w.heads[name], Time: protocol.TimeOf(w.now), Entries: entries}
	envelope := record.Sign(key)
	id := protocol.PackageRecordID(envelope.Content)
	w.heads[name] = id.Any()
	w.log = append(w.log, tlog.NamedEnvelope{Name: name, Envelope: envelope.MarshalProto()})
	w.grown.Happened()
	return id
}

// release publishes a release of a content that is made of its name and version.
func (w *world) release(name, version string, key protocol.PrivateKey, what inside) protocol.Hash {
	return w.releaseOf(name, version, key, []byte(name+"@"+version), what)
}

func (w *world) releaseOf(name, version string, key protocol.PrivateKey, content []byte, what inside) protocol.Hash {
	digest := w.content(content, what)
	w.publish(name, key, protocol.PackageEntry{Type: protocol.EntryRelease, Version: version, Content: digest.Any()})
	return digest
}

func (w *world) content(content []byte, what inside) protocol.Hash {
	w.mu.Lock()
	defer w.mu.Unlock()
	digest := protocol.HashOf(content)
	w.contents[digest], w.inside[digest] = content, what
	return digest
}

func (w *world) withhold(action withheld.Action, digest protocol.Hash) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.grown.Happened()
	w.statements = append(w.statements, withheld.Signed{Statement: withheld.Statement{
		Sequence: uint64(len(w.statements)), Time: w.now, Action: action, Digest: digest, Reason: "a court order", Reference: "https://example.com/order"}})
}

func (w *world) LatestCheckpoint(context.Context) (c protocol.SignedCheckpoint, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Contents.LogLength = w.length
	if w.length == 0 {
		c.Contents.LogLength = uint64(len(w.log))
	}
	return c, w.away
}

func (w *world) Envelopes(_ context.Context, start uint64, count, _ int) ([]tlog.NamedEnvelope, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if start+uint64(count) > uint64(len(w.log)) {
		return nil, fmt.Errorf("the log has %d records", len(w.log))
	}
	return w.log[start : start+uint64(count)], w.away
}

func (w *world) Withheld(_ context.Context, from uint64) (withheld.Page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return withheld.Page{Total: uint64(len(w.statements)), Statements: w.statements[min(from, uint64(len(w.statements))):]}, w.away
}

type file struct{ *bytes.Reader }

func (file) Close() error { return nil }

func (w *world) OpenContent(_ context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	content, ok := w.contents[digest]
	if !ok {
		return nil, time.Time{}, &registry.ContentNotFoundError{Digest: digest}
	}
	return file{bytes.NewReader(content)}, time.Time{}, nil
}

func (w *world) Version() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

func (w *world) Describe(_ context.Context, content io.ReaderAt, size int64) (discovery.Description, *discovery.WIT, error) {
	text, err := io.ReadAll(io.NewSectionReader(content, 0, size))
	if err != nil || int64(len(text)) != size {
		return discovery.Description{}, nil, fmt.Errorf("read %d of %d bytes: %v", len(text), size, err)
	}
	w.mu.Lock()
	what := w.inside[protocol.HashOf(text)]
	w.described++
	w.mu.Unlock()
	if what.err == errPanic {
		panic("a describer that panics")
	}
	what.Size = size
	return what.Description, what.wit, what.err
}

var errPanic = fmt.Errorf("panic")

// options are those of an index of the world.
func (w *world) options(dir string) Options {
	return Options{DataDir: dir, Log: w, Describer: w, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Workers: 2, Published: w.grown.Next, Pause: time.Millisecond}
}

// start runs an index of the world until the test ends, or stop.
func (w *world) start(o Options) (x *Index, stop func()) {
	x = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return x, stop
}

// index is an index that has read and described everything.
func (w *world) index() *Index {
	w.t.Helper()
	x, _ := w.start(w.options(w.t.TempDir()))
	w.upToDate(x)
	return x
}

// upToDate waits until an index has read and described everything.
func (w *world) upToDate(x *Index) {
	w.t.Helper()
	w.eventually("the index is up to date", func() bool {
		w.mu.Lock()
		read := x.position.Load() == uint64(len(w.log)) // before contents are counted
		w.mu.Unlock()
		if !read {
			return false
		}
		x.counts.mu.Lock()
		x.counts.at = time.Time{}
		x.counts.mu.Unlock()
		s, err := x.Status(w.t.Context())
		w.mu.Lock()
		defer w.mu.Unlock()
		return err == nil && s.LogLength == uint64(len(w.log)) && s.ToDescribe == 0 && x.statements.Load() == uint64(len(w.statements))
	})
}

func (w *world) eventually(what string, f func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// component is a component with exports and imports, "wasi:http/types@0.2.0".
func component(description string, exports, imports []string) inside {
	d := discovery.Description{Kind: discovery.KindComponent, Metadata: discovery.Metadata{Description: description, Licenses: "Apache-2.0 WITH LLVM-exception OR MIT"}}
	for _, side := range []struct {
		names []string
		into  *discovery.List[discovery.Extern]
	}{{exports, &d.Exports}, {imports, &d.Imports}} {
		for _, name := range side.names {
			side.into.Items = append(side.into.Items, extern(name))
			side.into.Total++
		}
	}
	return inside{Description: d}
}

func extern(name string) discovery.Extern {
	e := discovery.Extern{Name: name, Kind: "instance"}
	rest := name
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '@' {
			rest, e.Version = name[:i], name[i+1:]
			break
		}
	}
	for i := range rest {
		if rest[i] == '/' {
			e.Package, e.Interface = rest[:i], rest[i+1:]
		}
	}
	return e
}

// blocked describes nothing until its context ends.
type blocked struct{ *world }

func (blocked) Describe(ctx context.Context, _ io.ReaderAt, _ int64) (discovery.Description, *discovery.WIT, error) {
	<-ctx.Done()
	return discovery.Description{}, nil, ctx.Err()
}

// clock is one that is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
