package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	goclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operate runs `warg-personality operator`, and returns what it said and its exit status.
func operate(t *testing.T, s *server, args ...string) (said string, status int) {
	t.Helper()
	process := exec.CommandContext(t.Context(), command(t, "warg-personality"), append(append([]string{"operator"}, args...), "--url", s.url)...)
	text, err := process.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(text), process.ProcessState.ExitCode()
}

// operated is operate for a command that must succeed.
func operated(t *testing.T, s *server, args ...string) string {
	t.Helper()
	said, status := operate(t, s, args...)
	if status != 0 {
		t.Fatalf("operator %s: exit status %d: %s", strings.Join(args, " "), status, said)
	}
	return said
}

// addKey puts another key behind those of a file.
func addKey(t *testing.T, file string) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(key.Text() + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return key
}

// signer returns the key that signed the latest checkpoint, which a client of ours
// verifies on top of what it has seen before.
func signer(t *testing.T, c *goclient.Client) protocol.KeyID {
	t.Helper()
	checkpoint, err := c.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.KeyID
}

// The operator's key is replaced while the registry runs. The official client that saw the
// old key, and ours, go on without a hand on them; the old key signs nothing any more, and
// the server starts without it.
func TestOperatorKeyIsReplaced(t *testing.T) {
	s := startServer(t)
	keyFile := filepath.Join(s.dataDir, "operator.key")
	old, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	oldKey, err := protocol.ParsePrivateKeyText(string(old))
	if err != nil {
		t.Fatal(err)
	}
	oldFile := filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(oldFile, old, 0o600); err != nil {
		t.Fatal(err)
	}
	author, reader := newPublisher(t, s), newReader(t, s)
	author.release("example:hello", "1.0.0", module("one"))
	if !bytes.Equal(reader.download("example:hello"), module("one")) {
		t.Error("another content")
	}
	ours, err := goclient.New(s.url, goclient.Options{OperatorKey: oldKey.Public()})
	if err != nil {
		t.Fatal(err)
	}
	if signer(t, ours) != oldKey.Public().ID() {
		t.Error("another key signs from the start")
	}

	// The new key is there before it is permitted: nothing changes.
	fresh := addKey(t, keyFile)
	s.reload(t)
	author.release("example:hello", "1.1.0", module("two"))
	if signer(t, ours) != oldKey.Public().ID() {
		t.Error("a key signs that is not permitted to")
	}
	operated(t, s, "key", "grant", fresh.Public().String(), "--operator-key-file", oldFile)
	if signer(t, ours) != fresh.Public().ID() {
		t.Error("the key that was granted commit does not sign")
	}
	author.release("example:hello", "1.2.0", module("three"))
	operated(t, s, "key", "revoke", string(oldKey.Public().ID()), "--operator-key-file", keyFile)
	author.release("example:hello", "1.3.0", module("four"))
	reader.run("update")
	if !bytes.Equal(reader.download("example:hello"), module("four")) {
		t.Error("a client that saw the old key does not get what is new")
	}

	// The old key is nobody any more, for namespaces too.
	if said, status := operate(t, s, "namespace", "define", "stolen", "--yes", "--operator-key-file", oldFile); status != 1 || !strings.Contains(said, "takes a key with the permissions") {
		t.Errorf("the old key defines a namespace: status %d, %s", status, said)
	}
	if err := os.WriteFile(keyFile, []byte(fresh.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	s.start(t)
	author.release("example:hello", "1.4.0", module("five"))
	reader.run("update")
	if signer(t, ours) != fresh.Public().ID() || !bytes.Equal(reader.download("example:hello"), module("five")) {
		t.Error("the registry does not go on without the old key")
	}
	if list := operated(t, s, "key", "list"); !strings.Contains(list, "may: nothing") {
		t.Errorf("the keys: %s", list)
	}
}

// A key is replaced in a registry of two processes, which are told one after the other,
// while others publish through both. A process that lacks the key leaves it to the other
// one to sign.
func TestStackOperatorKeyIsReplaced(t *testing.T) {
	c := startCluster(t, 2)
	one, other := c.members[0].server, c.members[1].server
	oldFile := filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(oldFile, []byte(c.key.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	author := newPublisher(t, one)
	author.release("example:hello", "1.0.0", module("one"))
	reader := newReader(t, other)
	reader.download("example:hello")

	// A namespace, through either process; a start with it in its settings is no conflict.
	operated(t, one, "namespace", "define", "alive", "--yes", "--operator-key-file", c.keyFile)
	operated(t, other, "namespace", "import", "wasi=registry.example.com", "--yes", "--operator-key-file", c.keyFile)
	var both sync.WaitGroup
	for i, m := range c.members { // at once: one of them comes first, the other reads again
		both.Go(func() {
			operated(t, m.server, "namespace", "define", []string{"left", "right"}[i], "--yes", "--operator-key-file", c.keyFile)
		})
	}
	both.Wait()
	newPublisher(t, other).release("alive:package", "1.0.0", module("alive"))

	// Only the process that does not lead gets the new key; then the old one is revoked.
	leader, follower := c.leader(t)
	fresh := addKey(t, c.keyFile)
	follower.reload(t)
	operated(t, leader.server, "key", "grant", fresh.Public().String(), "--operator-key-file", oldFile)
	author.release("example:hello", "1.1.0", module("two"))
	operated(t, follower.server, "key", "revoke", string(c.key.Public().ID()), "--operator-key-file", c.keyFile)
	author.release("example:hello", "1.2.0", module("three")) // the follower has taken over
	if now, _ := c.leader(t); now != follower {
		t.Error("the process without the key leads")
	}
	leader.reload(t)
	follower.stop(t)
	author.run("config", "--registry", leader.url, "--keyring-backend", "flat-file", "--overwrite")
	author.release("example:hello", "1.3.0", module("four"))
	follower.flags = append(follower.flags, "--namespace", "alive", "--imported-namespace", "wasi=registry.example.com")
	follower.start(t)
	if !bytes.Equal(newReader(t, follower.server).download("example:hello"), module("four")) {
		t.Error("a new client does not get what is new")
	}
	author.run("update")
}
