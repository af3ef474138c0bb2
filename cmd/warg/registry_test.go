package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
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

// registry is a real registry in this process, which takes any content.
type registry struct {
	key     protocol.PrivateKey // of the operator
	vkey    string              // of the records log
	handler http.Handler
	url     string
	content string // the folder of its contents
}

func openRegistry(t *testing.T) *registry {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	return openRegistryOf(t, key)
}

// openRegistryOf opens an empty registry with an operator key, which others may have, too.
func openRegistryOf(t *testing.T, key protocol.PrivateKey) *registry {
	t.Helper()
	return openRegistryWith(t, key, func(o *personality.Options) { o.Discovery = true })
}

// openRegistryWith opens such a registry with other options.
func openRegistryWith(t *testing.T, key protocol.PrivateKey, change func(*personality.Options)) *registry {
	t.Helper()
	data := t.TempDir()
	text, err := tlog.GenerateNoteKey(tlog.Records.Origin(origin), false)
	must(t, err)
	noteKey, err := tlog.ParseNoteKey(text)
	must(t, err)
	noteFile := filepath.Join(data, "records.key")
	must(t, os.WriteFile(noteFile, []byte(text), 0o600))
	options := personality.Options{
		DataDir: data, OperatorKeys: []protocol.Signer{key}, Logger: slog.New(slog.DiscardHandler),
		Notes:    personality.Notes{Origin: origin, RecordsKeyFile: noteFile},
		Database: store.SQLite{File: filepath.Join(data, "registry.db")}, Trillian: personality.EmbeddedTrillian{Dir: data},
		Namespaces: admission.Namespaces{Defined: []string{"example", "other"}},
		Content:    content.Options{Dir: filepath.Join(data, "content"), Policy: content.PolicyNone, MaxSize: 16 << 20},
		Admission:  admission.Options{UploadTimeout: time.Hour},
		Publisher:  publisher.Options{CheckpointInterval: time.Millisecond},
	}
	change(&options)
	server, err := personality.Open(context.Background(), options)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	r := &registry{key: key, vkey: noteKey.VKeys()[0], handler: server.Handler(), content: options.Content.Dir}
	web := httptest.NewServer(r.handler)
	r.url = web.URL
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
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user is somebody with a home folder, in which the program runs.
type user struct {
	t    *testing.T
	home string
	env  []string
	in   string // for standard input
}

// newUser returns a user without any configuration.
func newUser(t *testing.T) *user {
	t.Helper()
	return &user{t: t, home: t.TempDir()}
}

// newPublisher returns a user of a registry who has a key in the keyring.
func newPublisher(t *testing.T, url string) *user {
	t.Helper()
	u := newUser(t)
	u.expect(exitDone, "Key ID: sha256:", "config", "--registry", url, "--new-key")
	return u
}

// command is the program with arguments, without a terminal.
func (u *user) command(args ...string) *exec.Cmd {
	u.t.Helper()
	program, err := os.Executable()
	must(u.t, err)
	process := exec.CommandContext(u.t.Context(), program, args...)
	process.Dir = u.home
	process.Env = append([]string{runAsProgram + "=1", "HOME=" + u.home, "PATH=" + os.Getenv("PATH"), "TERM=xterm"}, u.env...)
	return process
}

func (u *user) run(args ...string) (stdout, stderr string, status int) {
	u.t.Helper()
	process := u.command(args...)
	var out, errOut bytes.Buffer
	process.Stdin, process.Stdout, process.Stderr = strings.NewReader(u.in), &out, &errOut
	err := process.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return out.String(), errOut.String(), process.ProcessState.ExitCode()
}

// expect runs the program and demands a status and what it says. It returns what it wrote
// to standard output.
func (u *user) expect(status int, says string, args ...string) string {
	u.t.Helper()
	stdout, stderr, got := u.run(args...)
	if got != status || !strings.Contains(stdout+stderr, says) {
		u.t.Errorf("warg %s: status %d, want %d and %q; it says\n%s%s", strings.Join(args, " "), got, status, says, stdout, stderr)
	}
	return stdout
}

// write makes a file in the user's folder and returns its name.
func (u *user) write(name, text string) string {
	u.t.Helper()
	must(u.t, os.WriteFile(filepath.Join(u.home, name), []byte(text), 0o600))
	return name
}

// read returns what is in a file of the user's folder.
func (u *user) read(name string) string {
	u.t.Helper()
	text, err := os.ReadFile(filepath.Join(u.home, name))
	must(u.t, err)
	return string(text)
}

// release publishes content as a version of a package.
func (u *user) release(name, version, content string) {
	u.t.Helper()
	u.expect(exitDone, "published version "+version, "publish", "release", "--name", name, "--version", version, u.write("release.wasm", content))
}

// settle waits until the signed tree head of the records log has a size, which it has a
// moment after the checkpoint.
func settle(t *testing.T, r *registry, size uint64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		answer := httptest.NewRecorder()
		r.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/"+tlog.Records.Path()+"/"+tlog.CheckpointPath, nil))
		if head, err := tlog.HeadOf(answer.Body.Bytes()); err == nil && head.Size >= size {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the records log has no tree head of %d leaves: %s", size, answer.Body)
		}
	}
}
