package integration

import (
	"bytes"
	"testing"
)

// A restart between publishing and downloading changes nothing for clients.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author, reader := newPublisher(t, s), newReader(t, s)
	author.release("example:stays", "1.0.0", module("one"))
	reader.download("example:stays")

	s.stop(t)
	s.start(t)
	reader.run("update")
	if !bytes.Equal(newReader(t, s).download("example:stays"), module("one")) {
		t.Error("after the restart the content differs")
	}
	author.release("example:stays", "1.1.0", module("two"))
	reader.run("update")
	if !bytes.Equal(reader.download("example:stays"), module("two")) {
		t.Error("the content published after the restart differs")
	}
	s.checkLog(t, "example:stays", "init by "+author.keyID+", release 1.0.0", "release 1.1.0")
}

// What was acknowledged is published, even if the server dies before it is.
func TestKill(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--checkpoint-interval", "5s")
	c := newPublisher(t, s)
	recordID := c.submitted(c.run("publish", "release", "--no-wait", "--name", "example:acknowledged", "--version", "1.0.0",
		c.write("one.wasm", module("one"))))
	if state := s.recordState(t, "example:acknowledged", recordID); state.State != "processing" {
		t.Fatalf("the record is %s already: this test shows nothing", state.State)
	}
	s.kill(t)
	s.start(t)
	c.run("publish", "wait", "example:acknowledged", recordID)
	if !bytes.Equal(newReader(t, s).download("example:acknowledged"), module("one")) {
		t.Error("the content downloaded is not that published")
	}
	s.checkLog(t, "example:acknowledged", "init by "+c.keyID+", release 1.0.0")
}
