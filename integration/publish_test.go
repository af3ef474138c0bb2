package integration

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	if keyID, publicKey := parseKey(t, c.run("key", "info")); keyID != c.keyID || publicKey != c.publicKey {
		t.Errorf("key info says %s %s, key new said %s %s", keyID, publicKey, c.keyID, c.publicKey)
	}
	if said := newReader(t, s).refused("publish", "init", "example:keyless"); !strings.Contains(said, "no default signing key is set") {
		t.Errorf("without a key the client said %q", said)
	}
	s.checkNotFound(t, "example:keyless")
}

// TestPublishAndDownload is what the project's README shows.
func TestPublishAndDownload(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	c.write("hello.wasm", emptyComponent())
	const digest = "sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29"

	for _, step := range []struct{ command, want string }{
		{"publish init example:hello",
			"published initialization of package `example:hello`\n"},
		{"publish release --name example:hello --version 1.0.0 hello.wasm",
			"published version 1.0.0 of package `example:hello`\n"},
		{"download example:hello --output got.wasm",
			"Downloading `example:hello`...\nDownloaded version: 1.0.0\nDigest: " + digest + "\n\nWrote `example:hello` to got.wasm\n"},
	} {
		if got := c.run(strings.Fields(step.command)...); got != step.want {
			t.Errorf("warg %s printed %q, want %q", step.command, got, step.want)
		}
	}
	if !bytes.Equal(c.read("got.wasm"), emptyComponent()) {
		t.Error("the content downloaded is not that published")
	}
	if info := c.run("info", "example:hello"); !strings.Contains(info, "1.0.0 ("+digest+")") {
		t.Errorf("info printed %q", info)
	}

	s.checkLog(t, "example:hello", "init by "+c.keyID, "release 1.0.0")
	status, content := s.ask(t, http.MethodGet, "/content/"+strings.ReplaceAll(digest, ":", "-"), nil)
	if status != http.StatusOK || !bytes.Equal(content, emptyComponent()) {
		t.Errorf("by plain HTTP the content is %q, status %d", content, status)
	}
}

// A client without a key, and one with another key, verify and get the same.
func TestDownloadByOthers(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author := newPublisher(t, s)
	author.release("example:shared", "1.0.0", module("one")) // begins the package by itself
	author.release("example:shared", "1.1.0", adder())
	for _, c := range []*client{newReader(t, s), newPublisher(t, s)} {
		if !bytes.Equal(c.download("example:shared", "1.0.0"), module("one")) {
			t.Error("version 1.0.0 differs")
		}
		if !bytes.Equal(c.download("example:shared"), adder()) {
			t.Error("the latest version differs")
		}
		said := c.refused("download", "example:shared", "--version", "2.0.0", "--output", "x.wasm")
		if !strings.Contains(said, "version that satisfies requirement `=2.0.0` was not found") {
			t.Errorf("for a version that is not there the client said %q", said)
		}
	}
	s.checkLog(t, "example:shared", "init by "+author.keyID+", release 1.0.0", "release 1.1.0")
}

// Yanking asks on a terminal.
func TestYank(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	c.release("example:yanked", "1.0.0", module("one"))
	c.release("example:yanked", "1.1.0", module("two"))
	yank := []string{"publish", "yank", "--name", "example:yanked", "--version", "1.1.0"}

	if o := c.answer("Yank `1.1.0` of `example:yanked`?", "n", yank...); !strings.Contains(o.stdout, "Aborted and did not yank.") {
		t.Errorf("answered with no, the client said %q", o.stdout)
	}
	o := c.answer("Yank `1.1.0` of `example:yanked`?", "y", yank...)
	if o.status != 0 || !strings.Contains(o.stdout, "yanked version 1.1.0 of package `example:yanked`") {
		t.Fatalf("exit status %d: %s", o.status, o.stdout)
	}
	s.checkLog(t, "example:yanked", "init by "+c.keyID+", release 1.0.0", "release 1.1.0", "yank 1.1.0")

	other := newReader(t, s)
	if !bytes.Equal(other.download("example:yanked"), module("one")) {
		t.Error("the latest version that is not yanked differs")
	}
	if said := other.refused("download", "example:yanked", "--version", "1.1.0", "--output", "x.wasm"); !strings.Contains(said, "was not found") {
		t.Errorf("for a yanked version the client said %q", said)
	}
	if o := c.answer("Yank", "y", yank...); o.status != 1 || !strings.Contains(o.stdout, "attempted to yank version 1.1.0 which is already yanked") {
		t.Errorf("the second time, exit status %d: %s", o.status, o.stdout)
	}
}

func TestGrantAndRevoke(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	owner, helper := newPublisher(t, s), newPublisher(t, s)
	owner.run("publish", "init", "example:granted")

	granted := owner.run("publish", "grant", "--name", "example:granted", helper.publicKey)
	if want := "granted (release,yank) to key ID `" + helper.keyID + "` for package `example:granted`\n"; granted != want {
		t.Errorf("printed %q, want %q", granted, want)
	}
	helper.release("example:granted", "1.0.0", module("by the helper"))

	revoked := owner.run("publish", "revoke", "--name", "example:granted", "--permission", "release", helper.keyID)
	if want := "revoked (release) from key ID `" + helper.keyID + "` for package `example:granted`\n"; revoked != want {
		t.Errorf("printed %q, want %q", revoked, want)
	}
	said := helper.refused("publish", "release", "--name", "example:granted", "--version", "1.1.0", helper.write("two.wasm", module("two")))
	if want := "Package `example:granted` publish rejected: the key with ID " + helper.keyID + " did not have required permission release\n"; said != want {
		t.Errorf("without the permission the client said %q, want %q", said, want)
	}
	s.checkLog(t, "example:granted", "init by "+owner.keyID, "grant [release yank] to "+helper.keyID,
		"release 1.0.0", "revoke [release] from "+helper.keyID)
}
