package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// A component whose imports are other packages of the registry can be locked to
// their versions and bundled with them. The bundle is valid WebAssembly: the
// server takes it for a release.
func TestDependencies(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author := newPublisher(t, s)
	twice := dependent("twice", "unlocked-dep=<example:add@{>=1.0.0}>", "add", "left", "right")
	app := dependent("run", "unlocked-dep=<example:twice@{>=1.0.0 <2.0.0}>", "twice", "input")
	author.release("example:add", "1.0.0", adder())
	author.release("example:twice", "1.2.0", twice)
	author.release("example:app", "0.1.0", app)

	c := newReader(t, s)
	c.download("example:app")
	tree := c.run("dependencies", "example:app")
	for _, want := range []string{"example:app@0.1.0", "example:twice@{>=1.0.0 <2.0.0}", "example:add@{>=1.0.0}"} {
		if !strings.Contains(tree, want) {
			t.Errorf("dependencies printed %q, which lacks %q", tree, want)
		}
	}

	c.run("lock", "example:app")
	locked := c.read("locked.wasm")
	c.run("bundle", "example:app")
	bundled := c.read("bundled.wasm")
	for _, p := range []struct {
		name, version string
		content       []byte
	}{
		{"example:add", "1.0.0", adder()}, {"example:twice", "1.2.0", twice}, {"example:app", "0.1.0", app},
	} {
		lock := fmt.Sprintf("locked-dep=<%s@%s>,integrity=<sha256-%x>", p.name, p.version, sha256.Sum256(p.content))
		if !bytes.Contains(locked, []byte(lock)) {
			t.Errorf("locked.wasm does not import %s", lock)
		}
		if bytes.Contains(bundled, []byte(lock)) || !bytes.Contains(bundled, p.content) {
			t.Errorf("bundled.wasm imports %s, or does not hold its content", p.name)
		}
	}
	author.release("example:bundle", "0.1.0", bundled)
	if !bytes.Equal(newReader(t, s).download("example:bundle"), bundled) {
		t.Error("the bundle downloaded is not that published")
	}
}
