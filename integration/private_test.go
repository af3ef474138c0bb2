package integration

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// newToken makes a token as an operator does: its line goes into the file.
func newToken(t *testing.T, file string, args ...string) string {
	t.Helper()
	lines, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	process := exec.Command(command(t, "warg-personality"), append([]string{"token", "new"}, args...)...)
	process.Stderr = lines
	token, err := process.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// login types a token. The client throws away what is typed before it has turned
// the echo off, so it is typed again until the client is done.
func (c *client) login(token string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), commandTimeout)
	defer cancel()
	process := c.command(ctx, "login", "--keyring-backend", "flat-file")
	terminal, err := pty.Start(process)
	if err != nil {
		c.t.Fatal(err)
	}
	defer terminal.Close()
	written, ended := new(output), make(chan error, 1)
	go func() {
		io.Copy(written, terminal) // fails once the process has ended
		ended <- process.Wait()
	}()
	for {
		select {
		case err := <-ended:
			if err != nil || !strings.Contains(written.String(), "Auth token was set successfully") {
				c.t.Fatalf("warg login: %v\n%s", err, written)
			}
			return
		case <-time.After(300 * time.Millisecond):
			if strings.Contains(written.String(), "Enter auth token") {
				io.WriteString(terminal, token+"\r")
			}
		}
	}
}

// TestPrivateRegistry is what people with and without a token see of a private
// registry.
func TestPrivateRegistry(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens)
	const private = "this registry is private; use `warg login` with an auth token of its operator"

	alice := newPublisher(t, s)
	alice.write("hello.wasm", emptyComponent())
	if said := alice.refused("publish", "init", "example:hello"); !strings.Contains(said, private) {
		t.Errorf("without a token the client said %q", said)
	}
	alice.login("wrong")
	if said := alice.refused("publish", "init", "example:hello"); !strings.Contains(said, "does not know the auth token") {
		t.Errorf("with a wrong token the client said %q", said)
	}
	alice.login(publish)
	alice.run("publish", "init", "example:hello")
	alice.run("publish", "release", "--name", "example:hello", "--version", "1.0.0", "hello.wasm")

	bob := newPublisher(t, s)
	if said := bob.refused("download", "example:hello"); !strings.Contains(said, private) {
		t.Errorf("without a token the client said %q", said)
	}
	bob.login(read)
	bob.run("download", "example:hello", "--output", "got.wasm")
	if !bytes.Equal(bob.read("got.wasm"), emptyComponent()) {
		t.Error("the content downloaded is not that published")
	}
	if said := bob.refused("publish", "init", "example:other"); !strings.Contains(said, "the auth token does not allow to publish") {
		t.Errorf("with a token to read the client said %q", said)
	}
}
