package personality

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/federation"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// standbyOptions are those of a registry in a folder, with a key.
func standbyOptions(t *testing.T, dir string, key protocol.PrivateKey) Options {
	return Options{
		DataDir: dir, OperatorKeys: []protocol.Signer{key}, Database: store.SQLite{File: filepath.Join(dir, "registry.db")},
		Trillian: EmbeddedTrillian{Dir: dir}, Namespaces: admission.Namespaces{Defined: []string{"example"}}, CacheBytes: 1 << 20,
		Content:   content.Options{Dir: filepath.Join(dir, "content"), Policy: content.PolicyNone, MaxSize: 1 << 20},
		Admission: admission.Options{UploadTimeout: time.Hour},
		Publisher: publisher.Options{CheckpointInterval: 20 * time.Millisecond},
		Notes:     Notes{Origin: "registry.example.com"},
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// running is what serves a registry, or its standby.
type running interface {
	Run(context.Context) error
	Handler() http.Handler
	Close() error
}

// serveIn serves until the function that it returns is called.
func serveIn(t *testing.T, r running) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	server := httptest.NewServer(r.Handler())
	return server.URL, sync.OnceFunc(func() {
		server.CloseClientConnections()
		server.Close()
		cancel()
		<-done
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// publish publishes a release with a client that remembers what it has verified, and so
// notices a registry that has lost anything.
func publish(t *testing.T, c *client.Client, key protocol.PrivateKey, name string, content string, first bool) error {
	t.Helper()
	parsed, err := protocol.ParsePackageName(name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	what := client.ContentOfBytes([]byte(content))
	var entries []protocol.PackageEntry
	if first {
		entries = append(entries, protocol.PackageEntry{Type: protocol.EntryInit, Key: key.Public()})
	}
	entries = append(entries, protocol.PackageEntry{Type: protocol.EntryRelease, Version: fmt.Sprintf("1.0.%d", len(content)), Content: what.Digest.Any()})
	_, err = c.Publish(ctx, parsed, key, []client.Content{what}, entries...)
	return err
}

// A standby takes over what its registry publishes; is refused while the registry runs, or
// while it lacks something that the registry has published; and goes on as the registry, for
// clients that remember what was, with the same logs.
func TestStandbyBecomesTheRegistry(t *testing.T) {
	ctx := context.Background()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	oldDir, newDir := t.TempDir(), t.TempDir()
	open := func(dir string) *Server {
		t.Helper()
		s, err := Open(ctx, standbyOptions(t, dir, key))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	url, stopOld := serveIn(t, open(oldDir))
	defer func() { stopOld() }()
	remembered := new(client.MemoryStore)
	author := func(url string) *client.Client {
		c, err := client.New(url, client.Options{Store: remembered, OperatorKey: key.Public()})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	newest := func(url string) protocol.Checkpoint {
		t.Helper()
		c, err := client.New(url, client.Options{OperatorKey: key.Public()})
		must(err)
		got, err := c.Checkpoint(ctx)
		if err != nil {
			return protocol.Checkpoint{}
		}
		return got.Contents.Checkpoint
	}
	eventually(t, "the registry has begun", func() bool { return newest(url).LogLength > 0 })
	for n := range 4 {
		must(publish(t, author(url), key, "example:one", strings.Repeat("x", n+1), n == 0))
	}
	of := federation.Registry{Domain: "old", URL: url, OperatorKey: key.Public(), Own: true, Interval: 50 * time.Millisecond}
	standby := func() *Standby {
		t.Helper()
		s, err := OpenStandby(ctx, standbyOptions(t, newDir, key), of)
		must(err)
		return s
	}
	standbyURL, stopStandby := serveIn(t, standby())
	eventually(t, "the standby has what the registry has", func() bool { return newest(standbyURL) == newest(url) })
	stopStandby()

	// What it is not yet.
	if _, err := Open(ctx, standbyOptions(t, newDir, key)); err == nil || !strings.Contains(err.Error(), "standby") {
		t.Fatalf("a standby was opened as a registry: %v", err)
	}
	promote := func(change func(*Options, *PromoteOptions)) (Promoted, error) {
		o, p := standbyOptions(t, newDir, key), PromoteOptions{Old: of}
		if change != nil {
			change(&o, &p)
		}
		return Promote(ctx, o, p)
	}
	if _, err := promote(nil); err == nil || !strings.Contains(err.Error(), "note.key is missing") {
		t.Fatalf("promoted without the note keys: %v", err)
	}
	for _, log := range tlog.Logs {
		text, err := os.ReadFile(NoteKeyFile(oldDir, log))
		must(err)
		must(os.WriteFile(NoteKeyFile(newDir, log), text, 0o600))
	}
	stranger, _ := protocol.GeneratePrivateKey()
	if _, err := promote(func(o *Options, _ *PromoteOptions) { o.OperatorKeys = []protocol.Signer{stranger} }); err == nil || !strings.Contains(err.Error(), "none of the operator keys") {
		t.Fatalf("promoted with a stranger's key: %v", err)
	}
	refused := func(words string) {
		t.Helper()
		_, err := promote(nil)
		var r *RefusedError
		if !errors.As(err, &r) || !strings.Contains(err.Error(), words) {
			t.Fatalf("%v, want a refusal: %s", err, words)
		}
	}
	refused("still answers")
	must(publish(t, author(url), key, "example:two", "later", true))
	refused("let the standby catch up")

	// The registry is killed: its last records are in the standby, but for one that was
	// acknowledged and not published.
	standbyURL, stopStandby = serveIn(t, standby())
	want := newest(url)
	eventually(t, "the standby has caught up", func() bool { return newest(standbyURL) == want })
	stopStandby()
	stopOld()
	done, err := promote(func(_ *Options, p *PromoteOptions) {
		p.OldDataDir, p.OldDatabase = oldDir, store.SQLite{File: filepath.Join(oldDir, "registry.db")}
	})
	must(err)
	if len(done.Doubts) > 0 || done.Lost == nil || len(done.Lost) > 0 {
		t.Errorf("promoted with doubts %q and lost %v", done.Doubts, done.Lost)
	}
	if _, err := promote(nil); err == nil || !strings.Contains(err.Error(), "no standby") {
		t.Errorf("promoted twice: %v", err)
	}
	url, stopOld = serveIn(t, open(newDir))
	if got := newest(url); got != want {
		t.Errorf("the new registry begins at %+v, and the old one ended at %+v", got, want)
	}
	must(publish(t, author(url), key, "example:two", "and on", false))
	must(publish(t, author(url), key, "example:three", "new", true))
	stopOld()
	must(Rebuild(ctx, standbyOptions(t, newDir, key), func(uint64, uint64) {})) // both logs are whole
}
