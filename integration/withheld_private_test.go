package integration

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// bearer is what a request with a token has; nil without one.
func bearer(token string) http.Header {
	if token == "" {
		return nil
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// blocked demands that a path is answered with status 451 and the reason of whyWithheld.
func (s *server) blocked(t *testing.T, what, path, token string) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		response, text := s.answer(t, method, path, bearer(token))
		if response.StatusCode != http.StatusUnavailableForLegalReasons || method == http.MethodGet && !strings.Contains(string(text), whyWithheld) ||
			response.Header.Get("Link") != "<"+orderOf+`>; rel="blocked-by"` || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %s: %s, %v, %s", what, method, path, response.Status, response.Header, text)
		}
	}
}

// A private registry, which fetches content, tells of what is withheld, and why, only those
// who may read; a link that it gave before is worth nothing any more.
func TestWithheldInPrivateRegistry(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	content := module("withheld in private")
	host := startContentHost(t, content)
	host.opened.Store(true)
	s := startServer(t, "--tokens-file", tokens, "--content-sources", "copy", "--allow-private-sources", "--allow-http-sources")
	key := filepath.Join(s.dataDir, "operator.key")
	digest := protocol.HashOf(content)

	alice, bob := newPublisher(t, s).ours(), newReader(t, s).ours()
	alice.write("token", []byte(publish))
	bob.write("token", []byte(read))
	fromHost := []string{"--digest", digest.String(), "--content-source", host.URL + "/content"}
	release := func(name string) []string {
		return append([]string{"publish", "release", "--name", name, "--version", "1.0.0"}, fromHost...)
	}
	if said := alice.refused(release("example:hello")...); !strings.Contains(said, "this registry is private") || host.asked.Load() != 0 {
		t.Errorf("without a token: %q, and the source was asked %d times", said, host.asked.Load())
	}
	alice.run("login", "--token-file", "token")
	bob.run("login", "--token-file", "token")
	alice.run(release("example:hello")...)
	if host.asked.Load() != 1 {
		t.Errorf("the source was asked %d times", host.asked.Load())
	}
	bob.run("download", "example:hello", "-o", "hello.wasm")

	link := linkOf(t, s, content, read)
	manifest := "/v2/example/hello/manifests/1.0.0"
	response, _ := s.answer(t, http.MethodGet, manifest, bearer(read))
	image := response.Header.Get("Docker-Content-Digest")
	if response.StatusCode != http.StatusOK || image == "" {
		t.Fatalf("the manifest: %s, %v", response.Status, response.Header)
	}
	signed := []string{"--url", s.url, "--operator-key-file", key, "--reason", whyWithheld}
	operates(t, 1, "private", append([]string{"content", "withhold", digest.String()}, signed...)...)
	operates(t, 1, "does not allow to publish", append([]string{"content", "withhold", digest.String(), "--token", read}, signed...)...)
	operates(t, 0, "statement 0", append([]string{"content", "withhold", digest.String(), "--reference", orderOf, "--token", publish}, signed...)...)

	paths := map[string]string{
		"the sources": "/v1/content/" + digest.String(), "the content": contentPath(content),
		"the manifest by its tag": manifest, "the manifest by its digest": "/v2/example/hello/manifests/" + image, "the blob": "/v2/example/hello/blobs/" + digest.String(),
	}
	for what, path := range paths {
		s.blocked(t, what, path, read)
		for why, token := range map[string]string{"no token": "", "a wrong token": "wrong"} {
			response, text := s.answer(t, http.MethodGet, path, bearer(token))
			turnedAway(t, what+" with "+why, response)
			if strings.Contains(string(text), whyWithheld) || response.Header.Get("Link") != "" {
				t.Errorf("%s with %s says why it is withheld: %v, %s", what, why, response.Header, text)
			}
		}
	}
	s.blocked(t, "a link of before", link, "")
	forged, _ := s.answer(t, http.MethodGet, strings.Replace(link, contentPath(content), contentPath(emptyComponent()), 1), nil)
	turnedAway(t, "the link of another content", forged)

	// The list is for those who may read.
	response, text := s.answer(t, http.MethodGet, "/"+withheld.PagePath(0), nil)
	turnedAway(t, "the list without a token", response)
	if strings.Contains(string(text), whyWithheld) {
		t.Errorf("the list without a token: %s", text)
	}
	bob.run("clear")
	o := bob.try("download", "example:hello", "-o", "again.wasm")
	if o.status != 1 || !strings.Contains(o.stderr, whyWithheld+" ("+orderOf+"); its operator has signed so") {
		t.Errorf("our client: status %d, %s", o.status, o.stderr)
	}
	if said := bob.run("info", "example:hello"); !strings.Contains(said, "WITHHELD by the registry since") {
		t.Errorf("info says %s", said)
	}
	for _, args := range [][]string{{"audit", s.url, "--content", "--state", t.TempDir()}, {"export", s.url, t.TempDir(), "--content"}} {
		said, err := exec.Command(command(t, "warg-auditor"), append(args, "--token", read)...).CombinedOutput()
		if err != nil || !strings.Contains(string(said), whyWithheld) {
			t.Errorf("warg-auditor %s: %v\n%s", args[0], err, said)
		}
	}

	// What is withheld is not fetched, and the author learns why.
	unknown := protocol.HashOf(module("never seen")).String()
	operates(t, 0, "statement 1", append([]string{"content", "withhold", unknown, "--force", "--token", publish}, signed...)...)
	o = alice.try("publish", "release", "--name", "example:other", "--version", "1.0.0", "--digest", unknown, "--content-source", host.URL+"/unknown")
	if o.status != 1 || !strings.Contains(o.stderr, "is withheld by the operator of this registry") || !strings.Contains(o.stderr, whyWithheld) || host.asked.Load() != 1 {
		t.Errorf("a release of what is withheld from its source, which was asked %d times: status %d, %s", host.asked.Load(), o.status, o.stderr)
	}
	operates(t, 0, "statement 2", append([]string{"content", "release", digest.String(), "--token", publish}, signed...)...)
	if response, got := s.answer(t, http.MethodGet, link, nil); response.StatusCode != http.StatusOK || string(got) != string(content) {
		t.Errorf("the link of before, released: %s", response.Status)
	}
}

// Where content was fetched from is not told while it is withheld, and an image that a server
// does not know yet is withheld by its digest, too; others are not.
func TestWithheldByDigest(t *testing.T) {
	t.Parallel()
	content := module("withheld at its source")
	host := startContentHost(t, content)
	host.opened.Store(true)
	s := startServer(t, "--content-sources", "link", "--allow-private-sources", "--allow-http-sources")
	digest := protocol.HashOf(content)
	ours := newPublisher(t, s).ours()
	ours.run("publish", "release", "--name", "example:hello", "--version", "1.0.0", "--digest", digest.String(), "--content-source", host.URL+"/content")
	ours.release("example:hello", "1.1.0", emptyComponent())
	withheldImage, other := s.image(t, "example/hello", "1.0.0"), s.image(t, "example/hello", "1.1.0")
	operates(t, 0, "statement 0", "content", "withhold", digest.String(), "--reason", whyWithheld, "--reference", orderOf, "--url", s.url, "--operator-key-file", filepath.Join(s.dataDir, "operator.key"))

	look := func() {
		t.Helper()
		s.blocked(t, "the sources", "/v1/content/"+digest.String(), "")
		if _, text := s.answer(t, http.MethodGet, "/v1/content/"+digest.String(), nil); strings.Contains(string(text), host.URL) {
			t.Errorf("the source is told: %s", text)
		}
		s.blocked(t, "the manifest", "/v2/example/hello/manifests/"+withheldImage.digest, "")
		s.blocked(t, "the blob", "/v2/example/hello/blobs/"+digest.String(), "")
		for what, path := range map[string]string{"manifest": "/v2/example/hello/manifests/" + other.digest, "config": "/v2/example/hello/blobs/" + other.Config.Digest, "layer": "/v2/example/hello/blobs/" + other.Layers[0].Digest} {
			if response, text := s.answer(t, http.MethodGet, path, nil); response.StatusCode != http.StatusOK {
				t.Errorf("the %s of the other release: %s, %s", what, response.Status, text)
			}
		}
	}
	look()
	s.stop(t)
	s.start(t)
	look()
	s.blocked(t, "the config", "/v2/example/hello/blobs/"+withheldImage.Config.Digest, "")
}
