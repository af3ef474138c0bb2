package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// push pushes a content to an agent as a version, and returns the status and answer of the last
// request.
func push(t *testing.T, l running, repo, version, content string) (int, string) {
	t.Helper()
	digest := protocol.HashOf([]byte(content)).String()
	if status, body := send(t, "POST", l, "/v2/"+repo+"/blobs/uploads/?digest="+digest, content, "application/octet-stream"); status != http.StatusCreated {
		return status, body
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`, ociimage.ManifestType, ociimage.LayerType, digest, len(content))
	return send(t, "PUT", l, "/v2/"+repo+"/manifests/"+version, manifest, ociimage.ManifestType)
}

// An agent of a private registry has the token of its user, and needs it.
func TestAgentOfAPrivateRegistry(t *testing.T) {
	t.Parallel()
	publish, may := access.NewToken("alice", access.Publish)
	read, reads := access.NewToken("bob", access.Read)
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	u := newUser(t)
	u.write("tokens", fmt.Sprintf("%v\n%v\n", may, reads))
	r := openRegistryWith(t, key, func(o *personality.Options) { o.TokensFile = filepath.Join(u.home, "tokens") })
	u.expect(exitDone, "Key ID", "config", "--registry", r.url, "--new-key")
	u.expect(exitRefused, "private", "agent", "--listen", "127.0.0.1:0")
	u.expect(exitRefused, "does not know the auth token", "agent", "--listen", "127.0.0.1:0", "--token", "wrong")

	u.env = []string{"WARG_TOKEN=" + publish}
	if status, body := push(t, u.startAgent(), "example/secret", "1.0.0", "secret"); status != http.StatusCreated {
		t.Errorf("with a token to publish: status %d, %s", status, body)
	}
	u.env = []string{"WARG_TOKEN=" + read}
	l := u.startAgent("--dir", filepath.Join(u.home, "empty"))
	if status, body := ask(t, "GET", l, "/v2/example/secret/blobs/"+protocol.HashOf([]byte("secret")).String(), ""); status != http.StatusOK || body != "secret" {
		t.Errorf("with a token to read: status %d, %s", status, body)
	}
	if status, body := push(t, l, "example/secret", "1.1.0", "more"); status != http.StatusForbidden || !strings.Contains(body, `"DENIED"`) || strings.Contains(body, read) {
		t.Errorf("a push with a token to read: status %d, %s", status, body)
	}
}

// When no quorum of witnesses cosigns any more, nothing is handed on, and no push is said to
// have succeeded.
func TestAgentWithoutAQuorum(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	f := newFront(t, r)
	u := newPublisher(t, f.url)
	w := witnesstest.NewKey("witness.example.org/w")
	f.lie(func(path string, answer []byte) []byte {
		if path != "tlog/records/checkpoint" {
			return answer
		}
		return append(answer, w.Cosign(t, answer, uint64(time.Now().Unix()))...)
	})
	l := u.startAgent("--policy", u.write("policy", fmt.Sprintf("log %s\nwitness w %s\nquorum w\n", r.vkey, w.VKey)))
	if status, body := push(t, l, "example/seen", "1.0.0", "seen"); status != http.StatusCreated {
		t.Fatalf("with a quorum: status %d, %s", status, body)
	}
	f.honest()              // without cosignatures
	var both sync.WaitGroup // each waits for the witnesses for half a minute
	both.Go(func() {
		status, body := ask(t, "GET", l, "/v2/example/seen/manifests/1.0.0", "")
		if status != http.StatusForbidden || !strings.Contains(body, "VERIFICATION FAILED") || !strings.Contains(body, "witnesses") {
			t.Errorf("without a quorum: status %d, %s", status, body)
		}
	})
	both.Go(func() {
		status, body := push(t, l, "example/seen", "1.1.0", "unseen")
		if status != http.StatusForbidden || !strings.Contains(body, "VERIFICATION FAILED") {
			t.Errorf("a push without a quorum: status %d, %s", status, body)
		}
	})
	both.Wait()
}

// Damage to what is remembered is named in the agent's log, not to those who ask.
func TestAgentWithADamagedMemory(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:hello", "1.0.0", "first")
	l := u.startAgent()
	u.damage("operator.json", "null")
	status, body := ask(t, "GET", l, "/v2/example/hello/tags/list", "")
	if status != http.StatusInternalServerError || !strings.Contains(body, "the agent's log says which file") || strings.Contains(body, u.home) {
		t.Errorf("status %d, %s", status, body)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // it comes through a pipe
		said := l.log.String()
		if strings.Contains(said, "/operator.json on this machine") && strings.Contains(said, "warg reset") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent says %s", said)
		}
	}
	u.expect(exitDone, "", "reset")
	if status, body := ask(t, "GET", l, "/v2/example/hello/tags/list", ""); status != http.StatusOK {
		t.Errorf("after the reset: status %d, %s", status, body)
	}
}
