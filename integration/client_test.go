package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// commandTimeout is far more than any command of the client needs.
const commandTimeout = time.Minute

// client is the official client, or another program with its commands, with a home
// folder of its own, and so with a configuration, keys and storage of its own.
type client struct {
	t         *testing.T
	program   string // path; "" for the official client
	home      string // also the folder that commands run in
	keyID     string // of its signing key; empty without one
	publicKey string
}

// newReader returns a client that uses the server and has no signing key.
func newReader(t *testing.T, s *server) *client {
	t.Helper()
	c := &client{t: t, home: t.TempDir()}
	c.run("config", "--registry", s.url, "--keyring-backend", "flat-file", "--overwrite")
	return c
}

// newPublisher returns a client that uses the server and has a new signing key.
func newPublisher(t *testing.T, s *server) *client {
	t.Helper()
	c := newReader(t, s)
	c.keyID, c.publicKey = parseKey(t, c.run("key", "new"))
	return c
}

// parseKey reads what `warg key new` and `warg key info` print.
func parseKey(t *testing.T, printed string) (keyID, publicKey string) {
	t.Helper()
	m := regexp.MustCompile(`^Key ID: (sha256:[0-9a-f]{64})\nPublic Key: (ecdsa-p256:\S+)\n$`).FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("the client printed %q, want a key id and a public key", printed)
	}
	return m[1], m[2]
}

// outcome is what a command wrote, and its exit status.
type outcome struct {
	stdout, stderr string
	status         int
}

// run runs a command that must succeed, and returns what it printed.
func (c *client) run(args ...string) string {
	c.t.Helper()
	o := c.try(args...)
	if o.status != 0 {
		c.t.Fatalf("warg %s: exit status %d\n%s%s", strings.Join(args, " "), o.status, o.stdout, o.stderr)
	}
	return o.stdout
}

// refused runs a command that must fail, and returns what it said on standard
// error.
func (c *client) refused(args ...string) string {
	c.t.Helper()
	o := c.try(args...)
	if o.status != 1 {
		c.t.Fatalf("warg %s: exit status %d, want 1\n%s%s", strings.Join(args, " "), o.status, o.stdout, o.stderr)
	}
	return o.stderr
}

// try runs a command without a terminal.
func (c *client) try(args ...string) outcome {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), commandTimeout)
	defer cancel()
	process := c.command(ctx, args...)
	var stdout, stderr strings.Builder
	process.Stdout, process.Stderr = &stdout, &stderr
	status := c.exitStatus(process.Run(), args)
	return outcome{stdout.String(), stderr.String(), status}
}

// answer runs a command on a terminal, gives reply to its question, and returns
// everything it wrote there.
func (c *client) answer(question, reply string, args ...string) outcome {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), commandTimeout)
	defer cancel()
	process := c.command(ctx, args...)
	terminal, err := pty.Start(process)
	if err != nil {
		c.t.Fatal(err)
	}
	defer terminal.Close()
	written, asked := new(output), false
	buffer := make([]byte, 4096)
	for {
		n, err := terminal.Read(buffer) // fails once the process has ended
		written.Write(buffer[:n])
		if err != nil {
			break
		}
		if !asked && strings.Contains(written.String(), question) {
			asked = true
			if _, err := terminal.WriteString(reply); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	status := c.exitStatus(process.Wait(), args)
	if !asked {
		c.t.Fatalf("warg %s: did not ask %q\n%s", strings.Join(args, " "), question, written)
	}
	return outcome{stdout: written.String(), status: status}
}

// command is the client with an environment that says nothing but where its
// home is.
func (c *client) command(ctx context.Context, args ...string) *exec.Cmd {
	c.t.Helper()
	binary := c.program
	if binary == "" {
		var err error
		if binary, err = filepath.Abs("../.cache/tools/bin/warg"); err != nil {
			c.t.Fatal(err)
		}
		if _, err := os.Stat(binary); err != nil {
			c.t.Fatalf("the official client is not installed: %v\nrun `make test`, or integration/tools/install.sh", err)
		}
	}
	process := exec.CommandContext(ctx, binary, args...)
	process.Dir = c.home
	process.Env = []string{"HOME=" + c.home, "TERM=xterm"}
	process.WaitDelay = time.Second
	return process
}

func (c *client) exitStatus(err error, args []string) int {
	c.t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	}
	c.t.Fatalf("warg %s: %v", strings.Join(args, " "), err)
	return -1
}

// write makes a file in the client's folder and returns its name.
func (c *client) write(name string, content []byte) string {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.home, name), content, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// read returns the content of a file in the client's folder.
func (c *client) read(name string) []byte {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.home, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return content
}

// release publishes content as a version of a package, and waits for it.
func (c *client) release(name, version string, content []byte) {
	c.t.Helper()
	c.run("publish", "release", "--name", name, "--version", version, c.write("release.wasm", content))
}

// download returns the content of a package, of its latest version or of the
// one given.
func (c *client) download(name string, version ...string) []byte {
	c.t.Helper()
	args := []string{"download", name, "--output", "download.wasm"}
	if len(version) > 0 {
		args = append(args, "--version", version[0])
	}
	c.run(args...)
	return c.read("download.wasm")
}

// submitted returns the record id that a command with --no-wait printed.
func (c *client) submitted(printed string) string {
	c.t.Helper()
	m := regexp.MustCompile("^submitted record `(sha256:[0-9a-f]{64})` for publishing\n$").FindStringSubmatch(printed)
	if m == nil {
		c.t.Fatalf("the client printed %q, want the id of a record", printed)
	}
	return m[1]
}
