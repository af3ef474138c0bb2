package integration

import (
	"bytes"
	"strings"
	"testing"
)

// Entries that are collected first are published as one record.
func TestPendingPublish(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	one, two := c.write("one.wasm", module("one")), c.write("two.wasm", module("two"))

	for _, step := range []struct{ command, want string }{
		{"start example:batch", "started new pending publish for package `example:batch`\n"},
		{"init example:batch", "added initialization of package `example:batch` to pending publish\n"},
		{"release --name example:batch --version 1.0.0 " + one,
			"added release of version 1.0.0 for package `example:batch` to pending publish\n"},
		{"release --name example:batch --version 2.0.0 " + two,
			"added release of version 2.0.0 for package `example:batch` to pending publish\n"},
	} {
		if got := c.run(append([]string{"publish"}, strings.Fields(step.command)...)...); got != step.want {
			t.Errorf("publish %s printed %q, want %q", step.command, got, step.want)
		}
	}
	list := c.run("publish", "list")
	for _, want := range []string{"with 3 record(s) to publish", "record 0: initialize package", "record 2: release 2.0.0"} {
		if !strings.Contains(list, want) {
			t.Errorf("list printed %q, which lacks %q", list, want)
		}
	}
	s.checkNotFound(t, "example:batch")

	submitted := c.run("publish", "submit")
	if !strings.HasSuffix(submitted, "published version 1.0.0 of package `example:batch`\npublished version 2.0.0 of package `example:batch`\n") {
		t.Errorf("submit printed %q", submitted)
	}
	s.checkLog(t, "example:batch", "init by "+c.keyID+", release 1.0.0, release 2.0.0")
	other := newReader(t, s)
	if !bytes.Equal(other.download("example:batch", "1.0.0"), module("one")) ||
		!bytes.Equal(other.download("example:batch", "2.0.0"), module("two")) {
		t.Error("the contents downloaded are not those published")
	}
	if said := c.refused("publish", "list"); !strings.Contains(said, "no pending publish to list") {
		t.Errorf("after submit, list said %q", said)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	c.run("publish", "start", "example:aborted")
	c.run("publish", "init", "example:aborted")
	if got := c.run("publish", "abort"); got != "aborted the pending publish for package `example:aborted`\n" {
		t.Errorf("abort printed %q", got)
	}
	c.refused("publish", "submit")
	s.checkNotFound(t, "example:aborted")
}

func TestNoWait(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := newPublisher(t, s)
	recordID := c.submitted(c.run("publish", "init", "--no-wait", "example:later"))
	waited := c.run("publish", "wait", "example:later", recordID)
	if !strings.HasSuffix(waited, "has been published\n") {
		t.Errorf("wait printed %q", waited)
	}
	if state := s.recordState(t, "example:later", recordID); state.State != "published" || state.RegistryIndex == nil || *state.RegistryIndex != 1 {
		t.Errorf("the server says %+v, want the record published behind the operator's first", state)
	}
	s.checkLog(t, "example:later", "init by "+c.keyID)
}

// A release that is posted while the init of its package is not published yet
// is no error: the client is told to wait for the init, and does.
func TestReleaseBehindUnpublishedInit(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--checkpoint-interval", "5s")
	c := newPublisher(t, s)
	initID := c.submitted(c.run("publish", "init", "--no-wait", "example:quick"))
	if state := s.recordState(t, "example:quick", initID); state.State != "processing" {
		t.Fatalf("the init is %s already: this test shows nothing", state.State)
	}
	c.release("example:quick", "1.0.0", module("quick"))
	s.checkLog(t, "example:quick", "init by "+c.keyID, "release 1.0.0")
	if !bytes.Equal(newReader(t, s).download("example:quick"), module("quick")) {
		t.Error("the content downloaded is not that published")
	}
}
