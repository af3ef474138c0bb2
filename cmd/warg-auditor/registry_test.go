package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

const origin = "registry.example.com"

// runAsProgram makes the test binary behave as the program itself.
const runAsProgram = "WARG_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// registry is a real registry in this process, with a client that publishes.
type registry struct {
	t      *testing.T
	key    protocol.PrivateKey // of the operator
	author protocol.PrivateKey
	vkeys  []string // of the records log and of the checkpoints log
	url    string
	client *client.Client
}

func openRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{t: t, key: newKey(t), author: newKey(t)}
	data := t.TempDir()
	notes := personality.Notes{Origin: origin}
	for i, log := range tlog.Logs {
		text, err := tlog.GenerateNoteKey(log.Origin(origin), false)
		must(t, err)
		key, err := tlog.ParseNoteKey(text)
		must(t, err)
		r.vkeys = append(r.vkeys, key.VKeys()...)
		file := filepath.Join(data, []string{"records.key", "checkpoints.key"}[i])
		must(t, os.WriteFile(file, []byte(text), 0o600))
		if log == tlog.Records {
			notes.RecordsKeyFile = file
		} else {
			notes.CheckpointsKeyFile = file
		}
	}
	server, err := personality.Open(context.Background(), personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{r.key}, Notes: notes, Logger: slog.New(slog.DiscardHandler),
		Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		Namespaces: admission.Namespaces{Defined: []string{"example", "other"}},
		Content:    content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 1 << 20},
		Admission:  admission.Options{UploadTimeout: time.Hour},
		Publisher:  publisher.Options{CheckpointInterval: time.Millisecond},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	web := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		web.Close()
		cancel()
		if err := errors.Join(<-ran, server.Close()); err != nil {
			t.Error(err)
		}
	})
	for server.Ready(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	r.url = web.URL
	r.client, err = client.New(web.URL, client.Options{OperatorKey: r.key.Public()})
	must(t, err)
	r.settle()
	return r
}

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	return key
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parseName(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	name, err := protocol.ParsePackageName(text)
	must(t, err)
	return name
}

// publish publishes a record by the author, and returns when it is in the note.
func (r *registry) publish(name string, contents []string, entries ...protocol.PackageEntry) {
	r.t.Helper()
	r.publishBy(r.author, name, contents, entries...)
}

func (r *registry) publishBy(key protocol.PrivateKey, name string, contents []string, entries ...protocol.PackageEntry) {
	r.t.Helper()
	var all []client.Content
	for _, c := range contents {
		all = append(all, client.ContentOfBytes([]byte(c)))
	}
	_, err := r.client.Publish(r.t.Context(), parseName(r.t, name), key, all, entries...)
	must(r.t, err)
	r.settle()
}

// settle waits until the notes of both logs have caught up with the latest checkpoint.
func (r *registry) settle() {
	r.t.Helper()
	checkpoint, err := r.client.Checkpoint(r.t.Context())
	must(r.t, err)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if r.size(tlog.Records) >= checkpoint.Contents.LogLength && r.size(tlog.Checkpoints) > 0 {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the note of the records log stays at %d, the checkpoint is at %d", r.size(tlog.Records), checkpoint.Contents.LogLength)
		}
	}
}

// size is the size of a log by its note.
func (r *registry) size(log tlog.Log) uint64 {
	source, err := sourceFlags{}.open(r.url)
	must(r.t, err)
	e, err := readAll(r.t, source, log.Path()+"/"+tlog.CheckpointPath)
	if err != nil {
		return 0
	}
	head, err := tlog.ParseTreeHead([]byte(strings.SplitAfter(e, "\n\n")[0][:len(strings.SplitAfter(e, "\n\n")[0])-1]))
	must(r.t, err)
	return head.Size
}

// release begins a package if need be, and releases content.
func (r *registry) release(name, version, content string) {
	r.t.Helper()
	entries := []protocol.PackageEntry{client.Release(version, protocol.HashOf([]byte(content)))}
	var missing *client.NotFoundError
	if _, err := r.client.Package(r.t.Context(), parseName(r.t, name)); errors.As(err, &missing) {
		entries = append([]protocol.PackageEntry{client.Init(r.author.Public())}, entries...)
	}
	r.publish(name, []string{content}, entries...)
}

// do runs the program in this process.
func do(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return doWith(t.Context(), args...)
}

func doWith(ctx context.Context, args ...string) (stdout, stderr string, status int) {
	var out, errOut bytes.Buffer
	status = run(args, &environment{ctx, &out, &errOut, false})
	return out.String(), errOut.String(), status
}

// expect runs the program and demands a status and what it says.
func expect(t *testing.T, status int, says string, args ...string) string {
	t.Helper()
	stdout, stderr, got := do(t, args...)
	if got != status || !strings.Contains(stdout+stderr, says) {
		t.Errorf("%q: status %d, want %d and %q; it says\n%s%s", args, got, status, says, stdout, stderr)
	}
	return stdout
}
