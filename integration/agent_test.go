package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	wargclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	firstWIT  = "interface doors { open: func(); } world house { export doors; import floors; } interface floors { count: func() -> u32; }"
	secondWIT = firstWIT + " interface windows { open: func(); }"
)

// What wkg pushes to the agent is signed and published, and what it gets was verified.
func TestAgent(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := newMaintainer(t, s.url)
	first := m.wit("1.0.0", firstWIT, 0)
	second := m.wit("1.1.0", secondWIT, 9<<20) // three chunks
	m.wkg(0, "publish", first)
	if said := m.wkg(1, "publish", first); !strings.Contains(said, "already exists") {
		t.Errorf("wkg said %s", said)
	}
	m.wkg(0, "publish", first, "--skip-semver-check") // pushes it again
	if said := m.wkg(1, "publish", second, "--package", "example:api@1.0.0", "--skip-semver-check"); !strings.Contains(said, "1.0.0") || !strings.Contains(said, "DENIED") && !strings.Contains(said, "record") {
		t.Errorf("another content of a version: wkg said %s", said)
	}
	m.wkg(0, "publish", second)
	m.checkReleases(s, first, second)
	m.sameConfig(s)
	m.get("example:api@1.0.0", first)
	m.get("example:api", second)

	m.stop(syscall.SIGKILL)
	m.start()
	m.get("example:api", second)
	m.warg(0, "publish", "yank", "--name", "example:api", "--version", "1.1.0", "--yes")
	m.get("example:api", first)
	if said := m.wkg(1, "get", "example:api@1.1.0", "-o", "./none.wasm"); !strings.Contains(said, "yanked") {
		t.Errorf("a yanked version: wkg said %s", said)
	}

	// The token may be in the path instead; without it the agent has nothing to say.
	token := m.readToken()
	m.token = filepath.Join(m.home, "no-token")
	if err := os.WriteFile(m.token, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.wkg(1, "get", "example:api@1.0.0", "-o", "./none.wasm")
	config, err := os.ReadFile(m.config)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte(" } } }"), []byte(`, namespacePrefix = "`+token+`/" } } }`), 1)
	if err := os.WriteFile(m.config, config, 0o600); err != nil {
		t.Fatal(err)
	}
	m.get("example:api@1.0.0", first)
	m.wkg(0, "publish", m.wit("1.2.0", secondWIT+" interface roofs { open: func(); }", 0))
}

// An upload goes on after a crash of the agent.
func TestAgentCrashesDuringAnUpload(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := newMaintainer(t, s.url)
	content := module(strings.Repeat("crash", 1<<20))
	const chunk, octets = 1 << 20, "application/octet-stream"
	header, _ := m.ask(http.StatusAccepted, "POST", "/v2/example/crash/blobs/uploads/", nil)
	for from := 0; from < len(content); from += chunk {
		to := min(from+chunk, len(content))
		header, _ = m.ask(http.StatusAccepted, "PATCH", header.Get("Location"), content[from:to], "Content-Range", fmt.Sprintf("%d-%d", from, to-1), "Content-Type", octets)
		if from == 2*chunk {
			m.stop(syscall.SIGKILL)
			m.start()
		}
	}
	digest := protocol.HashOf(content).String()
	m.ask(http.StatusCreated, "PUT", header.Get("Location")+"?digest="+digest, nil)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"layers":[{"mediaType":"application/wasm","digest":%q,"size":%d}]}`, ociimage.ManifestType, digest, len(content))
	m.ask(http.StatusCreated, "PUT", "/v2/example/crash/manifests/1.0.0", []byte(manifest), "Content-Type", ociimage.ManifestType)
	if _, got := m.ask(http.StatusOK, "GET", "/v2/example/crash/blobs/"+digest, nil); !bytes.Equal(got, content) {
		t.Errorf("got %d bytes, which are not those that were pushed", len(got))
	}
}

// checkReleases demands of the registry that the files are released by the maintainer.
func (m *maintainer) checkReleases(s *server, files ...string) {
	m.t.Helper()
	c, err := wargclient.New(s.url, wargclient.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	n, err := protocol.ParsePackageName("example:api")
	if err != nil {
		m.t.Fatal(err)
	}
	p, err := c.Package(m.t.Context(), n)
	if err != nil {
		m.t.Fatal(err)
	}
	releases := slices.Collect(p.Releases())
	if len(releases) != len(files) {
		m.t.Fatalf("%d releases, want %d", len(releases), len(files))
	}
	for i, r := range releases {
		content, err := wargclient.ContentOfFile(files[i])
		if err != nil || r.Content != content.Digest.Any() || string(r.By) != m.keyID {
			m.t.Errorf("%s has content %s by %s, %v; the key is %s", r.Version, r.Content, r.By, err, m.keyID)
		}
	}
}

// sameConfig demands that the agent's manifests and configs are the registry's, byte for
// byte, and that they name what wkg named when it pushed.
func (m *maintainer) sameConfig(s *server) {
	m.t.Helper()
	token := m.readToken()
	read := func(base, path string) []byte {
		r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, base+"/v2/example/api/"+path, nil)
		if err != nil {
			m.t.Fatal(err)
		}
		if base != s.url {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			m.t.Fatal(err)
		}
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			m.t.Fatalf("%s%s: status %d, %v: %s", base, path, response.StatusCode, err, data)
		}
		return data
	}
	agent := "http://" + m.address
	var names []string
	for _, version := range []string{"1.0.0", "1.1.0"} {
		manifest := read(agent, "manifests/"+version)
		if direct := read(s.url, "manifests/"+version); !bytes.Equal(manifest, direct) {
			m.t.Errorf("%s: the agent's manifest is\n%s\nthe registry's\n%s", version, manifest, direct)
		}
		var parsed struct{ Config struct{ Digest string } }
		if err := json.Unmarshal(manifest, &parsed); err != nil {
			m.t.Fatal(err)
		}
		config := read(agent, "blobs/"+parsed.Config.Digest)
		if direct := read(s.url, "blobs/"+parsed.Config.Digest); !bytes.Equal(config, direct) {
			m.t.Errorf("%s: the agent's config is\n%s\nthe registry's\n%s", version, config, direct)
		}
		names = append(names, componentOf(m.t, config))
	}
	pushed, err := filepath.Glob(filepath.Join(m.agentDir(), "content", "*"))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, file := range pushed {
		data, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("{")) {
			continue
		}
		if at := slices.Index(names, componentOf(m.t, data)); at >= 0 {
			names = slices.Delete(names, at, at+1)
		}
	}
	if len(names) > 0 {
		m.t.Errorf("wkg pushed no config (of %d contents) that names %v", len(pushed), names)
	}
}

// componentOf returns what a config says of the component, in an order of its own.
func componentOf(t *testing.T, config []byte) string {
	t.Helper()
	var parsed struct {
		Architecture, OS string
		LayerDigests     []string
		Component        struct{ Imports, Exports []string }
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		t.Fatal(err)
	}
	slices.Sort(parsed.Component.Imports)
	slices.Sort(parsed.Component.Exports)
	text, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wkg is told when the registry lies, and gets nothing of it.
func TestAgentOfALyingRegistry(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	l := liar.Start(t, s.url)
	m := newMaintainer(t, l.URL)
	file := m.wit("1.0.0", firstWIT, 0)
	m.wkg(0, "publish", file)
	m.stop(syscall.SIGTERM)
	if err := os.RemoveAll(m.agentDir()); err != nil { // what the agent has, it need not get
		t.Fatal(err)
	}
	m.start()
	l.ChangePath("/content/", func(body []byte) []byte {
		body[len(body)-1] ^= 1
		return body
	})
	said := m.wkg(1, "get", "example:api@1.0.0", "-o", "./lie.wasm")
	if !strings.Contains(said, "VERIFICATION FAILED") {
		t.Errorf("wkg said %s", said)
	}
	if _, err := os.Stat(filepath.Join(m.home, "lie.wasm")); !os.IsNotExist(err) {
		t.Errorf("wkg wrote a file: %v", err)
	}
	evidence, err := filepath.Glob(filepath.Join(m.home, ".local", "state", "warg", "evidence", "*.json"))
	if err != nil || len(evidence) == 0 || !strings.Contains(m.stderr.String(), evidence[0]) {
		t.Errorf("evidence %v, %v", evidence, err)
	}
	l.Honest()
	m.get("example:api@1.0.0", file)

	// A registry that takes back what it had published.
	l.ChangePath("/v1/fetch/checkpoint", func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"timestamp":`), []byte(`"timestamp":1`), 1)
	})
	if said := m.wkg(1, "publish", m.wit("1.1.0", secondWIT, 0)); !strings.Contains(said, "VERIFICATION FAILED") {
		t.Errorf("wkg said %s", said)
	}
}
