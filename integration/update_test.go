package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A client that follows the registry proves at each update that the log only
// grew, and sees what is new.
func TestUpdateAcrossCheckpoints(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author, reader := newPublisher(t, s), newReader(t, s)
	packages := []string{"example:first", "example:second", "example:third"}
	for i, name := range packages {
		author.release(name, "1.0.0", module(name))
		if !bytes.Equal(reader.download(name), module(name)) {
			t.Errorf("the content of %s differs", name)
		}
		author.release(packages[0], fmt.Sprintf("1.%d.0", i+1), module("more"))
		reader.run("update")
		if info := reader.run("info", packages[0]); !strings.Contains(info, fmt.Sprintf("1.%d.0 (sha256:", i+1)) {
			t.Errorf("after update %d, info printed %q", i, info)
		}
		if got, want := reader.checkpointLength(), s.logLength(t); got != want {
			t.Errorf("after update %d the client trusts a log of %d records, the server has %d", i, got, want)
		}
	}
}

// A package's log may have more records than one answer holds (100, unless the
// client asks for more).
func TestLongLog(t *testing.T) {
	t.Parallel()
	const releases = 160
	s := startServer(t, "--checkpoint-interval", "1ms")
	author, follower := newPublisher(t, s), newReader(t, s)
	author.release("example:long", "1.0.0", module("long"))
	want := []string{"init by " + author.keyID + ", release 1.0.0"}
	for i := 1; i < releases; i++ {
		version := fmt.Sprintf("1.%d.0", i)
		author.releaseSoon("example:long", version, "release.wasm", s)
		want = append(want, "release "+version)
		if i == releases/4 {
			follower.download("example:long")
		}
	}
	s.checkLog(t, "example:long", want...)

	follower.run("update")
	fresh := newReader(t, s)
	fresh.download("example:long")
	for _, c := range []*client{follower, fresh} {
		info := c.run("info", "example:long")
		if got := strings.Count(info, "(sha256:"); got != releases {
			t.Errorf("the client knows %d releases, want %d", got, releases)
		}
	}
}

// The client refuses a registry that was set back to an older state, and one
// that then went on with another history. This is what the proofs are for.
func TestOtherHistoryIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author, reader := newPublisher(t, s), newReader(t, s)
	author.release("example:base", "1.0.0", module("base"))
	s.stop(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(s.dataDir)); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	author.release("example:lost", "1.0.0", module("only in the first history"))
	reader.download("example:lost")

	s.stop(t)
	s.dataDir = backup
	s.start(t)
	said := reader.refused("download", "example:base", "--output", "x.wasm")
	if want := "error: registry rewinded checkpoints; latest checkpoint log length `2` is less than previously received checkpoint log length `3`\n"; said != want {
		t.Errorf("to a registry set back, the client said %q, want %q", said, want)
	}
	said = reader.refused("update")
	if want := "Package `example:lost` was not found or you do not have access.\n"; !strings.HasPrefix(said, want) {
		t.Errorf("to a registry that lost a package, the client said %q, want %q", said, want)
	}

	other := newPublisher(t, s)
	other.release("example:other", "1.0.0", module("one"))
	other.release("example:other", "2.0.0", module("two"))
	said = reader.refused("download", "example:other", "--output", "x.wasm")
	if !strings.Contains(said, "failed to prove consistency") {
		t.Errorf("to another history, the client said %q", said)
	}
}

// Clearing the cache and resetting the state lose nothing that the registry does
// not give again.
func TestClearAndReset(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author, reader := newPublisher(t, s), newReader(t, s)
	author.release("example:kept", "1.0.0", module("kept"))
	for _, forget := range []string{"clear", "reset"} {
		reader.download("example:kept")
		reader.run(forget)
		info, cached := reader.run("info"), reader.cached()
		if known := strings.Contains(info, "example:kept"); known != (forget == "clear") {
			t.Errorf("after %s, info printed %q", forget, info)
		}
		if cached != (forget == "reset") {
			t.Errorf("after %s, content in the cache: %v", forget, cached)
		}
		if !bytes.Equal(reader.download("example:kept"), module("kept")) {
			t.Errorf("after %s, the content differs", forget)
		}
	}
}

// releaseSoon publishes a file as a version, and waits without the pauses of a
// second that the client makes.
func (c *client) releaseSoon(name, version, file string, s *server) {
	c.t.Helper()
	recordID := c.submitted(c.run("publish", "release", "--no-wait", "--name", name, "--version", version, file))
	for deadline := time.Now().Add(10 * time.Second); s.recordState(c.t, name, recordID).State != "published"; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("version %s of %s is not published", version, name)
		}
	}
}

// checkpointLength returns the length of the log that the client has verified.
func (c *client) checkpointLength() (length uint64) {
	c.t.Helper()
	m := regexp.MustCompile(`"logLength":\s*(\d+)`).FindSubmatch(c.onlyFile(".cache/warg/registries/*/checkpoint"))
	if m == nil {
		c.t.Fatal("the client keeps no checkpoint")
	}
	fmt.Sscan(string(m[1]), &length)
	return length
}

func (c *client) onlyFile(pattern string) []byte {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.home, pattern))
	if err != nil || len(files) != 1 {
		c.t.Fatalf("%d files %s in %s (%v), want one", len(files), pattern, c.home, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		c.t.Fatal(err)
	}
	return content
}

// cached reports whether the client keeps content.
func (c *client) cached() bool {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.home, ".cache/warg/content/sha256/*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return len(files) > 0
}
