package integration

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ours is this project's client in the home of another one.
func (c *client) ours() *client {
	c.t.Helper()
	return &client{t: c.t, program: command(c.t, "warg"), home: c.home, keyID: c.keyID, publicKey: c.publicKey}
}

// The two clients share a home: what one configures, and the keys that it makes, are the
// other's, too. What one publishes the other withdraws.
func TestSharedHome(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"official", "ours"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			official := &client{t: t, home: t.TempDir()}
			ours := official.ours()
			if first == "official" {
				official.run("config", "--registry", s.url, "--keyring-backend", "flat-file")
				official.keyID, official.publicKey = parseKey(t, official.run("key", "new"))
			} else {
				ours.run("config", "--registry", s.url)
				official.keyID, official.publicKey = parseKey(t, ours.run("key", "new"))
			}
			for _, c := range []*client{official, ours} {
				if keyID, key := parseKey(t, c.run("key", "info")); keyID != official.keyID || key != official.publicKey {
					t.Errorf("%s: the key is %s, %s, want %s", c.program, keyID, key, official.publicKey)
				}
			}

			ours.release("example:one", "1.0.0", emptyComponent())
			ours.release("example:one", "1.1.0", module("one"))
			yank := []string{"publish", "yank", "--name", "example:one", "--version", "1.1.0"}
			if o := official.answer("Yank `1.1.0` of `example:one`?", "y", yank...); o.status != 0 {
				t.Fatalf("the official client: %s", o.stdout)
			}
			official.release("example:two", "1.0.0", emptyComponent())
			if said := ours.refused("publish", "yank", "--name", "example:two", "--version", "2.0.0", "--yes"); !strings.Contains(said, "not yet been released") {
				t.Errorf("this client said %q", said)
			}
			if o := ours.answer("Yank `1.0.0` of `example:two`?", "y\n", "publish", "yank", "--name", "example:two", "--version", "1.0.0"); o.status != 0 {
				t.Fatalf("this client: %s", o.stdout)
			}
			s.checkLog(t, "example:one", "init by "+official.keyID+", release 1.0.0", "release 1.1.0", "yank 1.1.0")
			s.checkLog(t, "example:two", "init by "+official.keyID+", release 1.0.0", "yank 1.0.0")
			official.run("update") // it does not ask for news of packages that it knows
			for _, c := range []*client{official, ours} {
				if got := c.download("example:one"); !bytes.Equal(got, emptyComponent()) {
					t.Errorf("%s: downloaded %q", c.program, got)
				}
				if said := c.refused("download", "example:two", "--output", "x.wasm"); !strings.Contains(said, "example:two") {
					t.Errorf("%s: said %q", c.program, said)
				}
			}
			// A key for one registry alone stays one after the other client has written the
			// configuration.
			official.run("config", "--ignore-federation-hints", "true")
			ours.run("config", "--disable-auto-package-init")
			if config := string(ours.read(".config/warg/config.json")); !strings.Contains(config, `"ignoreFederationHints": true`) || !strings.Contains(config, `"default"`) {
				t.Errorf("the configuration is %s", config)
			}
		})
	}
}

// Nobody is asked on a terminal who is asked for a no, and nothing is published then.
func TestYankAsks(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s).ours()
	c.release("example:kept", "1.0.0", emptyComponent())
	yank := []string{"publish", "yank", "--name", "example:kept", "--version", "1.0.0"}
	for _, reply := range []string{"n\n", "\n", "whatever\n"} {
		if o := c.answer("Yank `1.0.0` of `example:kept`?", reply, yank...); o.status != 1 || !strings.Contains(o.stdout, "was not yanked") {
			t.Errorf("after %q: status %d, %s", reply, o.status, o.stdout)
		}
	}
	if o := c.try(yank...); o.status != 2 || !strings.Contains(o.stderr, "--yes") {
		t.Errorf("without a terminal: status %d, %s", o.status, o.stderr)
	}
	if o := c.answer("Write `kept.wasm` in current directory?", "y\n", "download", "example:kept"); o.status != 0 {
		t.Errorf("download: %s", o.stdout)
	}
	if !bytes.Equal(c.read("kept.wasm"), emptyComponent()) {
		t.Error("what was downloaded is something else")
	}
	s.checkLog(t, "example:kept", "init by "+c.keyID+", release 1.0.0")
}

// Tokens are in the shared keyring.
func TestSharedLogin(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	token := newToken(t, tokens, "alice")
	s := startServer(t, "--tokens-file", tokens)

	official := newPublisher(t, s)
	official.login(token)
	ours := official.ours()
	ours.release("example:secret", "1.0.0", emptyComponent())
	ours.run("logout")
	if said := ours.refused("info", "example:secret"); !strings.Contains(said, "this registry is private") {
		t.Errorf("without a token this client said %q", said)
	}
	if said := official.refused("download", "example:secret", "--output", "x.wasm"); !strings.Contains(said, "this registry is private") {
		t.Errorf("without a token the official client said %q", said)
	}
	ours.write("token", []byte(token+"\n"))
	ours.run("login", "--token-file", "token")
	official.release("example:secret", "1.1.0", emptyComponent())
	if info := ours.run("info", "example:secret"); !strings.Contains(info, "1.1.0 (sha256:") {
		t.Errorf("info says %s", info)
	}
}

// requirements are version requirements with the release that they mean among
// requirementVersions, "" for none. Both clients, and wkg for the dependencies of a
// component, take what Rust's semver crate matches, and of that the highest.
var requirements = []struct{ text, want string }{
	{"", "1.3.0"},
	{"1.0.0", "1.0.0"},
	{"1.2", "1.2.10"},
	{"1", "1.3.0"},
	{"1.2.*", "1.2.10"},
	{"1.2.0", "1.2.0"},
	{"1.2.1", ""},
	{"1.4.0", ""}, // it is yanked
	{"0", "0.3.1"},
	{"0.3", "0.3.1"},
	{"2", ""},
	{"2.0.0-rc.1", "2.0.0-rc.1"},
	{"2.0.0-rc.2", "2.0.0-rc.2"},
	{"2.0.0", ""},
	// The official client puts a "=" before, so that a comparator can stand behind.
	{"1, ^1.2", "1.3.0"},
	{"1, <1.3", "1.2.10"},
	{"1, <=1.2", "1.2.10"},
	{"1, ~1.2.3", "1.2.10"},
	{"1, ~1.2, <1.2.10", "1.2.2"},
	{"1, >1.2, <1.3", ""},
	{"1, >=1.3.1", ""},
	{"1, ^1.2.3, >=1, <2", "1.3.0"},
	{"0, ^0.3.1", "0.3.1"},
	{"0, ^0.2", "0.2.5"},
	{"0, >0.2.5", "0.3.1"},
	{"2.0.0-rc.1, <2.0.0", "2.0.0-rc.1"},
	{"1.0.0+build", "1.0.0"},
}

// dependencyRequirements are those that only dependencies have, and this client's command line.
var dependencyRequirements = []struct{ text, want string }{
	{"*", "1.3.0"}, {"^1.2", "1.3.0"}, {"=1.0.0", "1.0.0"}, {">=1, <1.3", "1.2.10"}, {"~1.2.0", "1.2.10"}, {"^0.2", "0.2.5"},
	{">=2.0.0-rc.1", "2.0.0-rc.2"}, {"^2", ""}, {"=1.4.0", ""},
}

// requirementVersions are in the order in which they are released; the last is yanked.
var requirementVersions = []string{"1.0.0", "1.2.0", "0.2.5", "1.2.10", "1.2.2", "2.0.0-rc.2", "2.0.0-rc.1", "1.3.0", "0.3.1", "1.3.0-beta", "1.4.0"}

// One requirement gives one answer in this client and in the official one.
func TestRequirements(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	official := newPublisher(t, s)
	ours := official.ours()
	ours.run("publish", "start", "example:versions")
	for _, version := range requirementVersions {
		ours.run("publish", "release", "--name", "example:versions", "--version", version, ours.write(version+".wasm", module(version)))
	}
	ours.run("publish", "yank", "--name", "example:versions", "--version", "1.4.0", "--yes")
	ours.run("publish", "submit")

	resolve := func(c *client, requirement string) string {
		args := []string{"download", "example:versions", "--output", "got.wasm"}
		if requirement != "" {
			args = append(args, "--version", requirement)
		}
		o := c.try(args...)
		if o.status == 1 {
			return ""
		}
		if o.status != 0 {
			t.Errorf("%q: status %d, %s", requirement, o.status, o.stderr)
		}
		got := c.read("got.wasm")
		i := slices.IndexFunc(requirementVersions, func(v string) bool { return bytes.Equal(got, module(v)) })
		if i < 0 || !strings.Contains(o.stdout, fmt.Sprintf("Downloaded version: %s\n", requirementVersions[i])) {
			t.Fatalf("%q: downloaded %q, and said %q", requirement, got, o.stdout)
		}
		return requirementVersions[i]
	}
	for _, r := range requirements {
		if got := resolve(ours, r.text); got != r.want {
			t.Errorf("%q means %q, want %q", r.text, got, r.want)
		}
		if got := resolve(official, r.text); got != r.want {
			t.Errorf("to the official client %q means %q, want %q", r.text, got, r.want)
		}
	}
	for _, r := range dependencyRequirements {
		if got := resolve(ours, r.text); got != r.want {
			t.Errorf("%q means %q, want %q", r.text, got, r.want)
		}
	}
}
