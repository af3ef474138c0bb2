package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// front stands before a registry and can be told to lie. Its URL stays the same.
type front struct {
	url     string
	handler atomic.Pointer[http.Handler]                            // that answers
	change  atomic.Pointer[func(path string, answer []byte) []byte] // what it answers with
}

func newFront(t *testing.T, r *registry) *front {
	t.Helper()
	f := new(front)
	f.handler.Store(&r.handler)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		answer := httptest.NewRecorder()
		(*f.handler.Load()).ServeHTTP(answer, request)
		body := answer.Body.Bytes()
		if change := f.change.Load(); change != nil && answer.Code == http.StatusOK {
			body = (*change)(strings.TrimPrefix(request.URL.Path, "/"), body)
		}
		for name, values := range answer.Header() {
			if name != "Content-Length" {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(answer.Code)
		w.Write(body)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *front) lie(change func(path string, answer []byte) []byte) { f.change.Store(&change) }
func (f *front) honest()                                            { f.change.Store(nil) }

// unproved runs a command that must fail because something was not proved, and returns
// the evidence.
func (u *user) unproved(claim, says string, args ...string) map[string]any {
	u.t.Helper()
	stdout := u.expect(exitUnverified, says, append([]string{"--json"}, args...)...)
	var f struct {
		Type            string
		Status          int
		Claim, Evidence string
	}
	must(u.t, json.Unmarshal([]byte(stdout), &f))
	if f.Type != "error" || f.Status != exitUnverified || f.Claim != claim {
		u.t.Errorf("warg %s: %s; want the claim %q", strings.Join(args, " "), stdout, claim)
	}
	text, err := os.ReadFile(f.Evidence)
	must(u.t, err)
	var evidence map[string]any
	must(u.t, json.Unmarshal(text, &evidence))
	if evidence["claim"] != claim || len(evidence["exchanges"].([]any)) == 0 {
		u.t.Errorf("evidence %s", text)
	}
	return evidence
}

// What a registry does not prove is loud, has an exit status of its own, and is kept.
func TestLies(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	f := newFront(t, r)
	u := newPublisher(t, f.url)
	u.release("example:hello", "1.0.0", "first")
	early := get(t, f.url+"/"+api.FetchCheckpointPath)
	u.release("example:hello", "1.1.0", "second")
	u.write("got.wasm", "before")

	f.lie(func(path string, answer []byte) []byte {
		if strings.HasPrefix(path, "content/") {
			return []byte("sEcond")
		}
		return answer
	})
	u.unproved("content", "VERIFICATION FAILED", "download", "example:hello", "-o", "got.wasm")
	if got := u.read("got.wasm"); got != "before" {
		t.Errorf("a download that failed left %q", got)
	}
	f.lie(func(path string, answer []byte) []byte {
		if path == api.FetchCheckpointPath {
			return early
		}
		return answer
	})
	evidence := u.unproved("consistency", "an earlier one had", "info", "example:hello")
	if text, _ := json.Marshal(evidence); !bytes.Contains(text, []byte(`"logLength":3`)) || !strings.Contains(string(text), `\"logLength\":2`) {
		t.Errorf("the evidence lacks the checkpoint that is remembered, of length 3, or the one that was given, of length 2: %s", text)
	}
	u.unproved("consistency", "an earlier one had", "publish", "yank", "-n", "example:hello", "-v", "1.0.0", "--yes")
	f.honest()
	u.expect(exitDone, "Downloaded version: 1.1.0", "download", "example:hello", "-o", "got.wasm")
	u.unproved("age of the checkpoint", "more than 1ns", "info", "example:hello", "--max-age", "1ns")
}

// A registry of the same operator with another history is refused, until what is
// remembered is forgotten.
func TestFork(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	f := newFront(t, r)
	u := newPublisher(t, f.url)
	u.release("example:hello", "1.0.0", "first")
	fork := openRegistryOf(t, r.key)
	other := newPublisher(t, fork.url)
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		other.release("example:hello", version, "fork "+version)
	}
	f.handler.Store(&fork.handler)
	u.expect(exitUnverified, "VERIFICATION FAILED", "download", "example:hello", "-o", "got.wasm")
	u.expect(exitUnverified, "VERIFICATION FAILED", "info")
	u.expect(exitDone, "forgot", "reset")
	u.expect(exitDone, "Downloaded version: 1.2.0", "download", "example:hello", "-o", "got.wasm")
}

// A pinned operator key is demanded, by flag or by configuration, from the first contact.
func TestPinnedOperatorKey(t *testing.T) {
	t.Parallel()
	r, stranger := openRegistry(t), openRegistry(t)
	u := newPublisher(t, r.url)
	right, wrong := r.key.Public().String(), stranger.key.Public().String()
	u.unproved("operator key", "not with the expected", "info", "--operator-key", wrong)
	u.expect(exitDone, "Set", "config", "--operator-key", wrong)
	u.unproved("operator key", "not with the expected", "info")
	u.expect(exitDone, "(pinned)", "info", "--operator-key", right)
	u.expect(exitDone, "Set", "config", "--operator-key", right)
	u.expect(exitDone, "(pinned)", "info")
	u.expect(exitDone, "Set", "config", "--operator-key", "none", "--max-age", "1ns")
	u.unproved("age of the checkpoint", "more than 1ns", "info")
	u.expect(exitDone, "Set", "config", "--max-age", "0")
	u.expect(exitDone, "believed since first contact", "info")
	u.expect(exitUsage, "not a public key", "config", "--operator-key", "nonsense")
	u.expect(exitUsage, "not a public key", "info", "--operator-key", "nonsense")
	u.expect(exitUsage, "--max-age", "config", "--max-age", "-1h")
}

// Evidence has no token in it, whatever it was that was asked.
func TestEvidenceKeepsNoSecret(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	f := newFront(t, r)
	u := newPublisher(t, f.url)
	u.env = []string{"WARG_TOKEN=very-secret"}
	u.release("example:hello", "1.0.0", "first")
	u.unproved("age of the checkpoint", "more than 1ns", "log", "example:hello", "--max-age", "1ns")
	files, err := filepath.Glob(filepath.Join(u.home, ".local/state/warg/evidence/*.json"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("there are %d files of evidence, want 1", len(files))
	}
	text, err := os.ReadFile(files[0])
	must(t, err)
	if bytes.Contains(text, []byte("very-secret")) || !bytes.Contains(text, []byte(api.FetchLogsPath)) {
		t.Errorf("evidence %s", text)
	}
	info, err := os.Stat(files[0])
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the evidence has the mode %v", info.Mode())
	}
}

// A registry that can not be reached is no lie.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.expect(exitUsage, "no registry is set", "info")
	u.expect(exitDone, "Set", "config", "--registry", "http://127.0.0.1:1")
	began := time.Now()
	u.expect(exitRefused, "connection refused", "info")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to give up", took)
	}
	u.expect(exitUsage, "without TLS", "config", "--registry", "http://registry.example.com")
	u.expect(exitUsage, "unexpected argument", "nonsense")
	u.expect(exitUsage, "missing flags", "publish", "release", "a.wasm")
	u.expect(exitDone, "Usage: warg", "--help")
	u.expect(exitDone, `"type":"version"`, "--json", "version")
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return text
}
