package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	owner, stranger, yanker := newPublisher(t, s), newPublisher(t, s), newPublisher(t, s)
	owner.release("example:owned", "1.0.0", module("one"))
	owner.run("publish", "grant", "--name", "example:owned", "--permission", "yank", yanker.publicKey)
	before := s.log(t, "example:owned")

	release := func(c *client) []string {
		return []string{"publish", "release", "--name", "example:owned", "--version", "2.0.0", c.write("two.wasm", module("two"))}
	}
	for _, r := range []struct {
		by      *client
		command []string
		want    string // is in what the client says
	}{
		{stranger, release(stranger), stranger.keyID},
		{stranger, []string{"publish", "grant", "--name", "example:owned", stranger.publicKey}, stranger.keyID},
		{stranger, []string{"publish", "init", "example:owned"}, "Package `example:owned` is already initialized.\n"},
		{yanker, release(yanker),
			"Package `example:owned` publish rejected: the key with ID " + yanker.keyID + " did not have required permission release\n"},
	} {
		if said := r.by.refused(r.command...); !strings.Contains(said, r.want) {
			t.Errorf("to %v the client said %q, want %q", r.command, said, r.want)
		}
	}
	s.checkLog(t, "example:owned", before...)
}

func TestRefusedNamespaces(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--imported-namespace", "elsewhere=registry.example.com")
	c := newPublisher(t, s)
	if said := c.refused("publish", "init", "unknown:name"); said != "error: namespace `unknown` is not defined on the registry\n" {
		t.Errorf("the client said %q", said)
	}
	if said := c.refused("publish", "init", "elsewhere:name"); said != "error: namespace `elsewhere` is an imported namespace from another registry\n" {
		t.Errorf("the client said %q", said)
	}
	if said := c.refused("download", "example:missing", "--output", "x.wasm"); !strings.HasPrefix(said, "Package `example:missing` was not found") {
		t.Errorf("the client said %q", said)
	}
	if length := s.logLength(t); length != 1 {
		t.Errorf("the log has %d records, want only the operator's", length)
	}
}

// What is refused leaves the package as it was: the same version can be released
// with content that is valid.
func TestRefusedReleases(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	c.release("example:strict", "1.0.0", module("one"))
	release := func(version string, content []byte) []string {
		return []string{"publish", "release", "--name", "example:strict", "--version", version, c.write("release.wasm", content)}
	}

	said := c.refused(release("1.0.0", module("other"))...)
	if want := "Package `example:strict` publish rejected: an entry attempted to release version 1.0.0 which is already released\n"; said != want {
		t.Errorf("the client said %q, want %q", said, want)
	}
	for name, content := range map[string][]byte{
		"text":             []byte("(module)"),
		"nothing":          {},
		"half a component": adder()[:len(adder())/2],
	} {
		said := c.refused(release("1.1.0", content)...)
		if !strings.HasPrefix(said, "Package `example:strict` publish rejected: content is not valid WebAssembly: ") {
			t.Errorf("to %s the client said %q", name, said)
		}
	}
	c.run(release("1.1.0", adder())...)
	s.checkLog(t, "example:strict", "init by "+c.keyID+", release 1.0.0", "release 1.1.0")
	if !bytes.Equal(newReader(t, s).download("example:strict"), adder()) {
		t.Error("the content downloaded is not that published")
	}
}

// A registry may require that content names its licence. What does not is refused with what
// to do, and nobody sees it.
func TestRequiredLicense(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--require-license")
	c := newPublisher(t, s)
	c.run("publish", "init", "example:licensed")
	release := func(version string, content []byte) []string {
		return []string{"publish", "release", "--name", "example:licensed", "--version", version, c.write("release.wasm", content)}
	}
	said := c.refused(release("1.0.0", adder())...)
	for _, want := range []string{"publish rejected: content does not name its licence", "wasm-tools metadata add --licenses"} {
		if !strings.Contains(said, want) {
			t.Errorf("the client said %q, without %q", said, want)
		}
	}
	if said := c.refused(release("1.0.0", append(adder(), section(custom, name("licenses")+"free")...))...); !strings.Contains(said, `"free", which is not an SPDX expression`) {
		t.Errorf("the client said %q", said)
	}
	if status, _ := s.ask(t, http.MethodGet, "/v1/content/"+protocol.HashOf(adder()).String(), nil); status != http.StatusNotFound {
		t.Errorf("the content that was refused is there: %d", status)
	}
	licensed := append(adder(), section(custom, name("licenses")+"Apache-2.0 OR MIT")...)
	c.run(release("1.0.0", licensed)...)
	s.checkLog(t, "example:licensed", "init by "+c.keyID, "release 1.0.0")
	if !bytes.Equal(newReader(t, s).download("example:licensed"), licensed) {
		t.Error("the content downloaded is not that published")
	}
}

// The operator may say which keys can publish, and change that while the server
// runs.
func TestAuthorizedKeys(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.toml")
	authorize := func(keyID string) {
		text := fmt.Sprintf("[namespace.example]\nkeys = [%q]\n", keyID)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authorize("sha256:" + strings.Repeat("0", 64))
	s := startServer(t, "--authorized-keys-file", file)
	c := newPublisher(t, s)
	said := c.refused("publish", "init", "example:guarded")
	if want := "Unauthorized: key id `" + c.keyID + "` is not authorized to publish to package `example:guarded`\n"; said != want {
		t.Errorf("the client said %q, want %q", said, want)
	}

	authorize(c.keyID)
	s.process.Process.Signal(syscall.SIGHUP)
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(s.stderr.String(), "reloaded"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server did not reload")
		}
	}
	c.run("publish", "init", "example:guarded")
	s.checkLog(t, "example:guarded", "init by "+c.keyID)
}
