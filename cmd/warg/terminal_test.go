package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
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

// A signal ends a question, with nothing done and the echo of the terminal as it was.
func TestSignalEndsQuestions(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:hello", "1.0.0", "hello")
	for question, args := range map[string][]string{
		"[y/N]":     {"publish", "yank", "-n", "example:hello", "-v", "1.0.0"},
		"Token for": {"login", r.url},
		"Write `":   {"download", "example:hello"},
	} {
		for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			terminal, tty, err := pty.Open()
			must(t, err)
			before, err := term.GetState(int(tty.Fd()))
			must(t, err)
			process := u.command(args...)
			process.Stdin, process.Stdout, process.Stderr = tty, tty, tty
			must(t, process.Start())
			shown, buffer := "", make([]byte, 4096)
			for !strings.Contains(shown, question) {
				n, err := terminal.Read(buffer)
				must(t, err)
				shown += string(buffer[:n])
			}
			time.Sleep(100 * time.Millisecond) // until the echo is off
			must(t, process.Process.Signal(signal))
			hung := time.AfterFunc(time.Minute, func() { process.Process.Kill() })
			process.Wait()
			hung.Stop()
			if status := process.ProcessState.ExitCode(); status != exitRefused {
				t.Errorf("%q after %v: status %d", args, signal, status)
			}
			if after, err := term.GetState(int(tty.Fd())); err != nil || !reflect.DeepEqual(after, before) {
				t.Errorf("%q after %v left the terminal changed (%v)", args, signal, err)
			}
			terminal.Close()
			tty.Close()
		}
	}
	u.expect(exitDone, "1.0.0", "download", "example:hello", "-o", "hello.wasm") // not yanked
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
