package main

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// What a registry says comes to no terminal as it is: in findings, checked evidence, what
// a watcher tells, reports, and errors.
func TestHostileText(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Publish()
	r.Init("example:a")
	files := r.Files()
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	state, evidence := filepath.Join(t.TempDir(), "state"), t.TempDir()
	watch := []string{"watch", web.URL, "example:a", "--once", "--state", state}
	expect(t, 0, "", watch...)
	envelope := r.Next("example:a", nil, client.Release("1.0.0", protocol.HashOf()))
	envelope.KeyID = "\x1b[31mkey\nFOUND x\u009b\u202e"
	r.Append("example:a", envelope)
	r.Publish()
	for path, data := range r.Files() {
		files[path] = data
	}
	audit := []string{"audit", web.URL, "--evidence-dir", evidence}
	if said := plainSaid(t, 1, watch...); !strings.Contains(said, `\x1b[31mkey\nFOUND x`) {
		t.Errorf("the key is not told: %s", said)
	}
	said := plainSaid(t, 1, audit...)
	_, file, _ := strings.Cut(said, "  evidence: ")
	file, _, _ = strings.Cut(file, "\n")
	plainSaid(t, 0, "check", file)
	plainSaid(t, 0, "check", file, "--json")
	plainSaid(t, 1, append(audit, "--json")...)
	files["tlog/records/checkpoint"] = []byte("\x1b[2J\nFOUND x")
	plainSaid(t, 1, watch...)
	plainSaid(t, 1, "export", web.URL, t.TempDir())
	files["tlog/records/vkeys"] = []byte("\x1b[2J\nFOUND x")
	plainSaid(t, 2, "export", web.URL, t.TempDir())
}

// plainSaid runs the program, and demands that nothing but line breaks of its own is not
// printable.
func plainSaid(t *testing.T, status int, args ...string) string {
	t.Helper()
	stdout, stderr, got := do(t, args...)
	if got != status {
		t.Errorf("%q: status %d, want %d: %s%s", args, got, status, stdout, stderr)
	}
	for line := range strings.Lines(stdout + stderr) {
		if strings.HasPrefix(line, "FOUND x") || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q says %q", args, line)
		}
	}
	return stdout
}

// Who ends a command is told that, and not of a context.
func TestEnded(t *testing.T) {
	r := tlogtest.New(t)
	r.Publish()
	web := httptest.NewServer(tlogtest.Serve(r.Files()))
	defer web.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, args := range [][]string{
		{"audit", web.URL}, {"export", web.URL, t.TempDir()}, {"watch", web.URL, "example:a", "--once"}, {"watch", web.URL, "example:a"},
		{"follow", web.URL, "--state", t.TempDir()}, {"prove", web.URL, "example:a", "1.0.0", "-o", filepath.Join(t.TempDir(), "x")},
	} {
		stdout, stderr, status := doWith(ctx, args...)
		if status != exitFailed || !strings.Contains(stderr, "it was asked to end before it was done") || strings.Contains(stdout+stderr, "context canceled") {
			t.Errorf("%q: status %d: %s%s", args, status, stdout, stderr)
		}
	}
}
