package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// wkg publishes to, and gets from, a private registry with the token that the agent has.
func TestAgentOfAPrivateRegistry(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens)
	m := newMaintainer(t, s.url, "WARG_TOKEN="+publish)
	file := m.wit("1.0.0", firstWIT, 0)
	m.wkg(0, "publish", file)

	reader := newMaintainer(t, s.url, "WARG_TOKEN="+read)
	reader.get("example:api", file)
	if said := reader.wkg(1, "publish", file, "--package", "example:other@1.0.0"); !strings.Contains(said, "does not allow to publish") {
		t.Errorf("a push with a token to read: wkg said %s", said)
	}
	reader.warg(1, "info", "example:api", "--token", "wrong")
}

// wkg is told when the witnesses that its user wants have not cosigned, and gets nothing.
func TestAgentWithoutAQuorum(t *testing.T) {
	t.Parallel()
	w := startWitnessed(t, 1, "--witness-fail-open")
	m := newMaintainer(t, w.url)
	lines, err := os.ReadFile(w.policyFile)
	if err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(m.home, "policy")
	if err := os.WriteFile(policy, append([]byte("log "+w.logSource(t, tlog.Records).VKey+"\n"), lines...), 0o600); err != nil {
		t.Fatal(err)
	}
	m.stop(syscall.SIGTERM)
	m.warg(0, "config", "--policy", policy)
	m.start()
	file := m.wit("1.0.0", firstWIT, 0)
	m.wkg(0, "publish", file)
	m.get("example:api", file)

	for _, each := range w.witnesses {
		must(t, each.Stop())
	}
	w.publishMany(t, "unseen", 1, 1)
	parsed, err := witness.ParsePolicy(lines)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		note, _ := w.fetch(t, "/tlog/records/checkpoint")
		if _, err := parsed.Check(note); err != nil {
			break // it is served as it is
		}
		if time.Now().After(deadline) {
			t.Fatalf("the registry goes on to serve what was cosigned:\n%s", note)
		}
	}
	if said := m.wkg(1, "get", "example:api@1.0.0", "-o", "./none.wasm"); !strings.Contains(said, "VERIFICATION FAILED") || !strings.Contains(said, "witnesses") {
		t.Errorf("without a quorum: wkg said %s", said)
	}
	if _, err := os.Stat(filepath.Join(m.home, "none.wasm")); !os.IsNotExist(err) {
		t.Errorf("wkg wrote a file: %v", err)
	}
	for _, each := range w.witnesses {
		must(t, each.Start())
	}
	m.get("example:api@1.0.0", file)
}
