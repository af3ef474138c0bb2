package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// upstream is a registry that another one answers for.
type upstream struct {
	*server
	domain string
	key    protocol.PrivateKey // operator's
}

// newOperatorKey makes an operator key, and a file with it.
func newOperatorKey(t *testing.T) (protocol.PrivateKey, string) {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "operator.key")
	if err := os.WriteFile(file, []byte(key.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return key, file
}

// startUpstream starts a registry of ours that defines a namespace.
func startUpstream(t *testing.T, namespace string, flags ...string) *upstream {
	t.Helper()
	key, file := newOperatorKey(t)
	s := startServer(t, append(flags, "--namespace", namespace, "--operator-key-file", file)...)
	return &upstream{s, strings.TrimPrefix(s.url, "http://"), key}
}

// startReferenceUpstream starts the reference server with a namespace.
func startReferenceUpstream(t *testing.T, namespace string) *upstream {
	t.Helper()
	key, _ := newOperatorKey(t)
	s := startReferenceServerOf(t, key, namespace)
	return &upstream{s, strings.TrimPrefix(s.url, "http://"), key}
}

// entry is the registry in a registries file, with more members.
func (u *upstream) entry(members ...string) string {
	return fmt.Sprintf("- domain: %s\n  url: %s\n  operator-key: %s\n  allow-private: true\n  %s\n",
		u.domain, u.url, u.key.Public(), strings.Join(members, "\n  "))
}

// registriesFile makes a registries file of entries.
func registriesFile(t *testing.T, entries ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "registries.yaml")
	if err := os.WriteFile(file, []byte("registries:\n"+strings.Join(entries, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The official client is at home in one registry, and uses packages of two others by way of
// it: it follows the hints, verifies, downloads and bundles, and publishes at home.
func TestFederation(t *testing.T) {
	t.Parallel()
	ours, reference := startUpstream(t, "wasi"), startReferenceUpstream(t, "ba")
	home := startServer(t, "--imported-namespace", "wasi="+ours.domain, "--imported-namespace", "ba="+reference.domain,
		"--registries-file", registriesFile(t, ours.entry("mode: proxy"), reference.entry("mode: proxy")))

	packages := []struct {
		at            *server
		name, version string
		content       []byte
	}{
		{reference.server, "ba:add", "2.0.0", adder()},
		{ours.server, "wasi:twice", "1.2.0", dependent("twice", "unlocked-dep=<ba:add@*>", "add", "left", "right")},
		{home, "example:app", "0.1.0", dependent("run", "unlocked-dep=<wasi:twice@*>", "twice", "input")},
	}
	authors := map[*server]*client{}
	for _, p := range packages {
		if authors[p.at] == nil {
			authors[p.at] = newPublisher(t, p.at)
		}
		if p.at == reference.server { // it refuses a release behind an init that is not published
			authors[p.at].run("publish", "init", p.name)
		}
		authors[p.at].release(p.name, p.version, p.content)
	}

	c := newReader(t, home)
	for _, p := range packages {
		if !bytes.Equal(c.download(p.name), p.content) {
			t.Errorf("%s: the content differs", p.name)
		}
	}
	another := newReader(t, home) // that has downloaded nothing
	another.run("dependencies", "example:app")
	another.run("bundle", "example:app")
	bundled := another.read("bundled.wasm")
	for _, p := range packages {
		lock := fmt.Appendf(nil, "locked-dep=<%s@%s>,integrity=<sha256-%x>", p.name, p.version, sha256.Sum256(p.content))
		if bytes.Contains(bundled, lock) || !bytes.Contains(bundled, p.content) {
			t.Errorf("the bundle imports %s, or does not hold its content", p.name)
		}
	}

	// What is new there is seen here, by a client that remembers what was.
	authors[ours.server].release("wasi:twice", "1.3.0", module("newer"))
	awaitSame(t, home, ours)
	c.run("update")
	if !bytes.Equal(c.download("wasi:twice", "1.3.0"), module("newer")) {
		t.Error("the newer version differs")
	}
	if said := c.refused("download", "wasi:none", "--output", "x"); !strings.Contains(said, "`wasi:none` was not found") {
		t.Errorf("of a package that is nowhere: %s", said)
	}

	// Publishing to a package of another registry is refused here with where it can be done.
	publisher := newPublisher(t, home)
	publisher.download("wasi:twice")
	said := publisher.refused("publish", "release", "--name", "wasi:twice", "--version", "3.0.0", publisher.write("x.wasm", module("x")))
	if !strings.Contains(said, "is served here for reading only; publish to it at "+ours.domain) {
		t.Errorf("publishing through home: %s", said)
	}
	checkRegistryHeader(t, home, ours)
	checkPath(t, home, ours, "wasi:twice", module("newer"))
	checkNamedHints(t, home, "wasi:none", "wasi="+ours.domain)
}

// checkPath demands that a registry's URL for another one is one for our client and the
// auditor, too.
func checkPath(t *testing.T, home *server, other *upstream, name string, content []byte) {
	t.Helper()
	url, key := home.url+"/registries/"+other.domain, other.key.Public().String()
	c := &client{t: t, program: command(t, "warg"), home: t.TempDir()}
	c.run("config", "--registry", url, "--operator-key", key)
	c.run("download", name, "--output", "got.wasm")
	if !bytes.Equal(c.read("got.wasm"), content) {
		t.Errorf("%s by way of %s: the content differs", name, url)
	}
	audit := exec.CommandContext(t.Context(), command(t, "warg-auditor"), "audit", url, "--operator-key", key, "--content")
	if output, err := audit.CombinedOutput(); err != nil || !bytes.Contains(output, []byte("nothing was found")) {
		t.Errorf("the auditor at %s: %v: %s", url, err, output)
	}
}

// checkNamedHints demands that whoever names a package of an imported namespace is told
// where it would be, and that its log has that hint from then on.
func checkNamedHints(t *testing.T, home *server, text, want string) {
	t.Helper()
	name, err := protocol.ParsePackageName(text)
	if err != nil {
		t.Fatal(err)
	}
	hint := func(method, path, body string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, home.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
		return response.Header.Get(api.RegistryHintHeader)
	}
	names := fmt.Sprintf(`{"packages":["%s"]}`, name.LogID())
	if got := hint("POST", "/"+api.FetchPackageNamesPath, names); got != "" {
		t.Errorf("a package that nobody has was not named, and has hint %q", got)
	}
	for _, got := range []string{hint("GET", "/v1/discovery/packages/"+text, ""), hint("POST", "/"+api.FetchPackageNamesPath, names)} {
		if got != want {
			t.Errorf("hint %q, want %q", got, want)
		}
	}
}

// awaitSame waits until a registry answers for another one with the checkpoint that this
// has: for a moment it may know an older one.
func awaitSame(t *testing.T, home *server, other *upstream) {
	t.Helper()
	want := lengthOf(t, other.url, "")
	for deadline := time.Now().Add(startTimeout); lengthOf(t, home.url, other.domain) != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the registry does not come to the checkpoint of length %d", want)
		}
	}
}

// lengthOf is the length of the latest checkpoint, as a registry answers for a domain.
func lengthOf(t *testing.T, url, domain string) uint64 {
	t.Helper()
	status, body := askFor(t, url, domain)
	var c protocol.SignedCheckpoint
	if err := c.UnmarshalJSON(body); err != nil || status != http.StatusOK {
		t.Fatalf("checkpoint of %s at %s: status %d, %v: %s", domain, url, status, err, body)
	}
	return c.Contents.LogLength
}

// askFor asks a registry for the latest checkpoint of the registry with a domain; "": its own.
func askFor(t *testing.T, url, domain string, header ...string) (status int, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/"+api.FetchCheckpointPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	if domain != "" {
		request.Header.Set(api.RegistryHeader, domain)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// checkRegistryHeader demands that a registry answers for another one, and for no stranger.
func checkRegistryHeader(t *testing.T, home *server, other *upstream) {
	t.Helper()
	for domain, want := range map[string]int{other.domain: 200, strings.TrimPrefix(home.url, "http://"): 200, "stranger.example": 404, "127.0.0.1:1": 404, "a/b": 400} {
		if status, body := askFor(t, home.url, domain); status != want {
			t.Errorf("for registry %s: status %d, want %d: %s", domain, status, want, body)
		}
	}
}
