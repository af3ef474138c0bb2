package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

// A component may import packages of the registry. The client shows them as a
// tree, locks them to their versions and contents, and bundles them, fetching
// what it needs.
//
// A version requirement other than * makes `warg lock` of 0.10.0 panic, whatever
// the server.
func TestPackageDependencies(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author := newPublisher(t, s)
	packages := []struct {
		name, version string
		content       []byte
	}{
		{"example:add", "1.0.0", adder()},
		{"example:twice", "1.2.0", dependent("twice", "unlocked-dep=<example:add@*>", "add", "left", "right")},
		{"example:app", "0.1.0", dependent("run", "unlocked-dep=<example:twice@*>", "twice", "input")},
	}
	for _, p := range packages {
		author.release(p.name, p.version, p.content)
	}

	c := newReader(t, s)
	tree := c.run("dependencies", "example:app")
	if want := "example:app@0.1.0\n└─ example:twice@*\n   └─ example:add@*\n"; tree != want {
		t.Errorf("dependencies printed\n%s\nwant\n%s", tree, want)
	}
	c.run("lock", "example:app")
	c.run("bundle", "example:app")
	locked, bundled := c.read("locked.wasm"), c.read("bundled.wasm")
	for _, p := range packages {
		lock := fmt.Appendf(nil, "locked-dep=<%s@%s>,integrity=<sha256-%x>", p.name, p.version, sha256.Sum256(p.content))
		if !bytes.Contains(locked, lock) {
			t.Errorf("locked.wasm does not import %s", lock)
		}
		if bytes.Contains(bundled, lock) || !bytes.Contains(bundled, p.content) {
			t.Errorf("bundled.wasm imports %s, or does not hold its content", p.name)
		}
	}
}

// Imports of interfaces stay imports. What lock and bundle make is valid, and
// can be published.
func TestInterfaceDependencies(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author := newPublisher(t, s)
	app := dependent("run", "example:host/adding@1.2.0", "add", "left", "right")
	author.release("example:app", "0.1.0", app)

	c := newPublisher(t, s)
	tree := c.run("dependencies", "example:app")
	if want := "example:app@0.1.0\n└─ example:host/adding@=1.2.0\n"; tree != want {
		t.Errorf("dependencies printed\n%s\nwant\n%s", tree, want)
	}
	c.run("lock", "example:app")
	c.run("bundle", "example:app")
	bundled := c.read("bundled.wasm")
	if !bytes.Contains(bundled, app) {
		t.Error("bundled.wasm does not hold the component")
	}
	c.release("example:bundle", "0.1.0", bundled)
	if !bytes.Equal(newReader(t, s).download("example:bundle"), bundled) {
		t.Error("the bundle downloaded is not that published")
	}
}
