package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/buckets"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// signedAway checks that an answer leads to the bucket, and fetches what is there without
// anything of what was sent to the registry.
func signedAway(t *testing.T, what string, bucket *buckets.Server, response *http.Response, want []byte) {
	t.Helper()
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusTemporaryRedirect || !strings.HasPrefix(location, "http://"+bucket.Addr+"/") || !strings.Contains(location, "X-Amz-Signature=") {
		t.Errorf("%s: %s, %v", what, response.Status, response.Header)
		return
	}
	got, err := http.Get(location)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK || !bytes.Equal(body, want) {
		t.Errorf("%s: the bucket answers %s, %q, %v", what, got.Status, body, err)
	}
}

// turnedAway checks that an answer gives nothing.
func turnedAway(t *testing.T, what string, response *http.Response) {
	t.Helper()
	if response.StatusCode != http.StatusUnauthorized || response.Header.Get("Location") != "" {
		t.Errorf("%s: %s, %v", what, response.Status, response.Header)
	}
}

// Blobs of OCI images come from the bucket, by a URL that is signed: crane and wkg follow it.
func TestOCIBlobsFromBucket(t *testing.T) {
	bucket := buckets.S3(t)
	s := startServer(t, "--content-url", bucket.URL, "--content-redirect")
	newPublisher(t, s).release("example:component", "1.0.0", adder())
	layer := s.image(t, "example/component", "1.0.0").Layers[0].Digest
	response, _ := s.answer(t, http.MethodGet, "/v2/example/component/blobs/"+layer, nil)
	signedAway(t, "a blob", bucket, response, adder())
	head, _ := s.answer(t, http.MethodHead, "/v2/example/component/blobs/"+layer, nil)
	if head.StatusCode != http.StatusOK || head.ContentLength != int64(len(adder())) || head.Header.Get("Docker-Content-Digest") != layer {
		t.Errorf("HEAD: %s, %v", head.Status, head.Header)
	}

	folder := t.TempDir()
	pulled, said, err := runTool(t, folder, nil, "crane", "blob", "--insecure", s.authority()+"/example/component@"+layer)
	if err != nil {
		t.Fatalf("crane: %v\n%s", err, said)
	}
	checkSame(t, "what crane pulled", []byte(pulled), adder())
	checkSame(t, "what wkg got", newWkgOCI(t, s).get("example:component@1.0.0"), adder())
	if strings.Contains(s.stderr.String(), "X-Amz-Signature") {
		t.Error("there is a signed URL in the log")
	}
}

// A private registry signs a URL of its bucket only for who may read.
func TestPrivateRegistryOnBucket(t *testing.T) {
	bucket := buckets.S3(t)
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens, "--content-url", bucket.URL, "--content-redirect")
	alice, bob := newPublisher(t, s), newReader(t, s)
	alice.login(publish)
	alice.run("publish", "init", "example:hello")
	alice.release("example:hello", "1.0.0", adder())
	bob.login(read)
	if !bytes.Equal(bob.download("example:hello"), adder()) {
		t.Error("the content downloaded is not that published")
	}

	path, blob := contentPath(adder()), "/v2/example/hello/blobs/"+protocol.HashOf(adder()).String()
	for _, path := range []string{path, blob} {
		for what, header := range map[string]http.Header{"no token": nil, "a wrong token": {"Authorization": {"Bearer wrong"}}} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				response, _ := s.answer(t, method, path, header)
				turnedAway(t, what+": "+method+" "+path, response)
			}
		}
		response, _ := s.answer(t, http.MethodGet, path, http.Header{"Authorization": {"Bearer " + read}})
		signedAway(t, path, bucket, response, adder())
	}

	link := linkOf(t, s, adder(), read)
	response, _ := s.answer(t, http.MethodGet, link, nil)
	signedAway(t, "a link", bucket, response, adder())
	other := strings.Replace(link, path, contentPath(emptyComponent()), 1)
	response, _ = s.answer(t, http.MethodGet, other, nil)
	turnedAway(t, "the link of another content", response)

	plain, err := http.Get("http://" + bucket.Addr + "/warg" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if plain.StatusCode != http.StatusForbidden {
		t.Errorf("the bucket without a signature: %s", plain.Status)
	}
}

// linkOf is the path and query where a registry says that content is, to who has a token.
func linkOf(t *testing.T, s *server, data []byte, token string) string {
	t.Helper()
	response, body := s.answer(t, http.MethodGet, "/v1/content/"+protocol.HashOf(data).String(), http.Header{"Authorization": {"Bearer " + token}})
	var answer struct {
		ContentSources map[string][]struct{ URL string }
	}
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s, %v", response.Status, body, err)
	}
	sources := answer.ContentSources[protocol.HashOf(data).String()]
	if len(sources) != 1 {
		t.Fatalf("sources: %s", body)
	}
	u, err := url.Parse(sources[0].URL)
	if err != nil || u.RawQuery == "" {
		t.Fatalf("%q is no link: %v", sources[0].URL, err)
	}
	return u.RequestURI()
}
