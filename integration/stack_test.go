package integration

import (
	"bytes"
	"testing"
)

// TestStack publishes through one personality and downloads through another.
func TestStack(t *testing.T) {
	c := startCluster(t, 2)
	one, other := c.members[0].server, c.members[1].server
	author := newPublisher(t, one)
	author.release("example:hello", "1.0.0", emptyComponent())
	if !bytes.Equal(newReader(t, other).download("example:hello"), emptyComponent()) {
		t.Error("the content downloaded is not that published")
	}
	newPublisher(t, other).release("example:other", "1.0.0", adder())
	if !bytes.Equal(newReader(t, one).download("example:other"), adder()) {
		t.Error("the other way, the content downloaded is not that published")
	}
	other.checkLog(t, "example:hello", "init by "+author.keyID+", release 1.0.0")
	one.stop(t) // the other one leads from now on
	author.run("config", "--registry", other.url, "--keyring-backend", "flat-file", "--overwrite")
	author.release("example:hello", "1.1.0", module("two"))
	if !bytes.Equal(newReader(t, other).download("example:hello"), module("two")) {
		t.Error("of the one that is left, the content downloaded is not that published")
	}
}
