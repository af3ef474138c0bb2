package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/creack/pty"
)

// onTerminal runs the program on a terminal, types each answer once its question is
// there, and returns what stands on the terminal and the exit status.
func (u *user) onTerminal(dialogue map[string]string, args ...string) (string, int) {
	u.t.Helper()
	process := u.command(args...)
	terminal, err := pty.Start(process)
	must(u.t, err)
	defer terminal.Close()
	var shown bytes.Buffer
	buffer := make([]byte, 4096)
	for {
		n, err := terminal.Read(buffer) // fails once the process has ended
		shown.Write(buffer[:n])
		if err != nil {
			break
		}
		for question, answer := range dialogue {
			if strings.Contains(shown.String(), question) {
				delete(dialogue, question)
				if answer != "" {
					time.Sleep(100 * time.Millisecond) // until the echo is off
					_, err := io.WriteString(terminal, answer)
					must(u.t, err)
				}
			}
		}
	}
	process.Wait()
	if len(dialogue) > 0 {
		u.t.Errorf("warg %s: did not say %q:\n%s", strings.Join(args, " "), dialogue, &shown)
	}
	return shown.String(), process.ProcessState.ExitCode()
}

// slowRegistry serves a registry, and content only as fast as it takes two seconds.
func slowRegistry(t *testing.T, r *registry) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !strings.HasPrefix(request.URL.Path, "/content/") {
			r.handler.ServeHTTP(w, request)
			return
		}
		answer := httptest.NewRecorder()
		r.handler.ServeHTTP(answer, request)
		w.Header().Set("Content-Length", answer.Header().Get("Content-Length"))
		for body := answer.Body; body.Len() > 0; time.Sleep(200 * time.Millisecond) {
			w.Write(body.Next(512 << 10))
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Long transfers are shown on a terminal, and nowhere else.
func TestProgressOnTerminal(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, slowRegistry(t, r))
	content := strings.Repeat("content ", 5<<17) // 5 MiB
	u.release("example:large", "1.0.0", content)

	// All three at once: each takes its time.
	var wait sync.WaitGroup
	wait.Go(func() {
		shown, status := u.onTerminal(map[string]string{"of 5.0 MiB": ""}, "download", "example:large", "-o", "a.wasm")
		if status != exitDone || !strings.Contains(shown, "[####") {
			t.Errorf("status %d:\n%q", status, shown)
		}
	})
	wait.Go(func() {
		shown, status := u.onTerminal(nil, "--json", "download", "example:large", "-o", "b.wasm")
		if status != exitDone || strings.Contains(shown, "MiB") {
			t.Errorf("with --json: status %d:\n%q", status, shown)
		}
	})
	wait.Go(func() {
		stdout, stderr, status := u.run("download", "example:large", "-o", "c.wasm")
		if status != exitDone || strings.Contains(stdout+stderr, "MiB") {
			t.Errorf("without a terminal: status %d:\n%s%s", status, stdout, stderr)
		}
	})
	wait.Wait()
	for _, file := range []string{"a.wasm", "b.wasm", "c.wasm"} {
		if u.read(file) != content {
			t.Errorf("%s is not what was published", file)
		}
	}
}

// On a terminal a token is asked for and not shown; elsewhere it is read. Where the
// configuration says that nobody is asked, nobody is.
func TestAsking(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	shown, status := u.onTerminal(map[string]string{"Token for": "very-secret\n"}, "login")
	if status != exitDone || strings.Contains(shown, "very-secret") {
		t.Errorf("status %d:\n%s", status, shown)
	}
	u.expect(exitDone, "(logged in)", "info")
	u.expect(exitDone, "Logged out", "logout")
	u.expect(exitRefused, "not logged in", "logout")
	u.expect(exitUsage, "token is empty", "login")
	u.in = "very-secret\n"
	u.expect(exitDone, "Logged in", "login", r.url)
	u.in = "two words\n"
	u.expect(exitUsage, "white space", "login", "--registry", r.url)
	u.expect(exitUsage, "given twice", "login", r.url, "--registry", r.url)

	u.release("example:hello", "1.0.0", "first")
	config := u.read(".config/warg/config.json")
	u.write(".config/warg/config.json", strings.Replace(config, `"disableInteractive": false`, `"disableInteractive": true`, 1))
	shown, status = u.onTerminal(nil, "publish", "yank", "-n", "example:hello", "-v", "1.0.0")
	if status != exitUsage || !strings.Contains(shown, "--yes") {
		t.Errorf("status %d:\n%s", status, shown)
	}
}

// Whoever interrupts a question does not answer it.
func TestInterruptedQuestion(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:asked", "1.0.0", "asked")
	const interrupt = "\x03"
	for question, args := range map[string][]string{
		"[y/N]": {"publish", "yank", "-n", "example:asked", "-v", "1.0.0"},
		"Token": {"login"},
		"Write": {"download", "example:asked"},
	} {
		shown, status := u.onTerminal(map[string]string{question: interrupt}, args...)
		if status != exitRefused || !strings.Contains(shown, "nothing was done") {
			t.Errorf("%q: status %d:\n%q", args, status, shown)
		}
	}
	u.expect(exitDone, "Downloaded version: 1.0.0", "download", "example:asked", "-o", "x.wasm")
}

// What a registry says reaches no terminal as it is.
func TestHostileText(t *testing.T) {
	t.Parallel()
	const text = "\x1b[2J\x1b]0;title\a evil\r\nwarg: published\u202e\u009b31m"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			json.NewEncoder(w).Encode(map[string]any{"status": 422, "type": "x", "message": text})
			return
		}
		io.WriteString(w, text)
	}))
	defer server.Close()
	u := newUser(t)
	for _, args := range [][]string{{"info", "example:a"}, {"--json", "info", "example:a"}, {"log", "example:a"}, {"download", "example:a", "-o", "x"}} {
		shown, status := u.onTerminal(nil, append(args, "--registry", server.URL)...)
		if status == exitDone || !strings.Contains(shown, "evil") {
			t.Errorf("%q: status %d: %q", args, status, shown)
		}
		for line := range strings.Lines(shown) {
			if line = strings.TrimRight(line, "\r\n"); strings.HasPrefix(line, "warg: published") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q shows %q", args, line)
			}
		}
	}
}
