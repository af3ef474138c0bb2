package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What is shown is tested in package oci; here is how it is served.
func TestOCI(t *testing.T) {
	content := "\x00asm\x01\x00\x00\x00" + strings.Repeat("x", 100)
	s := newServer(t, &fake{content: []byte(content)}, httpapi.Options{})
	equal(t, "the beginning of all", s.do("GET", "/v2/", "").Code, 200)
	expect(t, s.do("GET", "/v2/foo/bar/tags/list", ""), 200, `{"name":"foo/bar","tags":["1.0.0"]}`)

	tagged := s.do("GET", "/v2/foo/bar/manifests/1.0.0", "")
	equal(t, "manifest", tagged.Code, 200)
	equal(t, "type of the manifest", tagged.Header().Get("Content-Type"), "application/vnd.oci.image.manifest.v1+json")
	equal(t, "caching by tag", tagged.Header().Get("Cache-Control"), "")
	manifest := protocol.HashOf(tagged.Body.Bytes()).String()
	equal(t, "its digest", tagged.Header().Get("Docker-Content-Digest"), manifest)
	fixed := s.do("GET", "/v2/foo/bar/manifests/"+manifest, "")
	equal(t, "manifest by digest", fixed.Body.String(), tagged.Body.String())
	equal(t, "caching by digest", fixed.Header().Get("Cache-Control"), "public, max-age=31536000, immutable")
	head := s.do("HEAD", "/v2/foo/bar/manifests/1.0.0", "")
	equal(t, "length in HEAD", head.Header().Get("Content-Length"), fmt.Sprint(tagged.Body.Len()))
	equal(t, "digest in HEAD", head.Header().Get("Docker-Content-Digest"), manifest)

	blob := "/v2/foo/bar/blobs/" + digest.String()
	w := s.do("GET", blob, "")
	equal(t, "layer", w.Body.String(), content)
	equal(t, "type of the layer", w.Header().Get("Content-Type"), "application/wasm")
	equal(t, "digest of the layer", w.Header().Get("Docker-Content-Digest"), digest.String())
	equal(t, "caching of the layer", w.Header().Get("Cache-Control"), "public, max-age=31536000, immutable")
	for header, want := range map[string]string{"bytes=1-3": content[1:4], "bytes=100-": content[100:], "bytes=-5": content[103:]} {
		part := s.do("GET", blob, "", "Range: "+header)
		equal(t, "status of "+header, part.Code, 206)
		equal(t, header, part.Body.String(), want)
	}
	equal(t, "a range beyond the end", s.do("GET", blob, "", "Range: bytes=108-").Code, 416)
	equal(t, "length in HEAD", s.do("HEAD", blob, "").Header().Get("Content-Length"), fmt.Sprint(len(content)))

	var config struct {
		Config struct{ Digest, MediaType string }
	}
	if err := json.Unmarshal(tagged.Body.Bytes(), &config); err != nil {
		t.Fatal(err)
	}
	w = s.do("GET", "/v2/foo/bar/blobs/"+config.Config.Digest, "")
	equal(t, "config", protocol.HashOf(w.Body.Bytes()).String(), config.Config.Digest)
	equal(t, "type of the config", w.Header().Get("Content-Type"), config.Config.MediaType)
	equal(t, "part of the config", s.do("GET", "/v2/foo/bar/blobs/"+config.Config.Digest, "", "Range: bytes=0-0").Body.String(), "{")
}

// refusal is the body of an error of the protocol.
func refusal(code, message string) string {
	return fmt.Sprintf(`{"errors":[{"code":"%s","message":"%s"}]}`, code, message)
}

func TestOCIRefusals(t *testing.T) {
	unknown := protocol.HashOf([]byte("unknown"))
	const push = "this registry takes records that their maintainer has signed and no pushes: run `warg agent` on your machine and push to it"
	for _, c := range []struct {
		method, path  string
		status        int
		code, message string
	}{
		{"GET", "/v2/foo/other/tags/list", 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/other"},
		{"GET", "/v2/foo/other/manifests/bad%20tag", 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/other"},
		{"GET", "/v2/foo/other/blobs/md5:aa", 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/other"},
		{"GET", "/v2/foo/other/referrers/zzz", 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/other"},
		{"GET", "/v2/foo/other/manifests/1.0.0", 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/other"},
		{"GET", "/v2/foo/other/blobs/" + digest.String(), 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/other"},
		{"GET", "/v2/foo/bar/baz/tags/list", 404, "NAME_UNKNOWN", "this registry has no package for the repository foo/bar/baz"},
		{"GET", "/v2/foo/bar/manifests/2.0.0", 404, "MANIFEST_UNKNOWN", "foo:bar has no release with the tag 2.0.0"},
		{"GET", "/v2/foo/bar/manifests/" + unknown.String(), 404, "MANIFEST_UNKNOWN", "foo:bar has no manifest with the digest " + unknown.String()},
		{"GET", "/v2/foo/bar/blobs/" + unknown.String(), 404, "BLOB_UNKNOWN", "foo:bar has no blob with the digest " + unknown.String()},
		{"GET", "/v2/foo/bar/blobs/x", 400, "DIGEST_INVALID", `\"x\" is not a digest`},
		{"GET", "/v2/Foo/bar/blobs/" + digest.String(), 400, "NAME_INVALID", `\"Foo/bar\" is not the name of a repository`},
		{"GET", "/v2/_catalog", 400, "UNSUPPORTED", "this registry does not list its repositories"},
		{"POST", "/v2/foo/bar/blobs/uploads/", 400, "UNSUPPORTED", push},
		{"PUT", "/v2/foo/bar/blobs/uploads/abc", 400, "UNSUPPORTED", push},
		{"PATCH", "/v2/foo/bar/blobs/uploads/abc", 400, "UNSUPPORTED", push},
		{"POST", "/v2/", 405, "UNSUPPORTED", "method not allowed"},
		{"PUT", "/v2/foo/bar/manifests/1.0.0", 400, "UNSUPPORTED", push},
		{"DELETE", "/v2/foo/bar/manifests/1.0.0", 400, "UNSUPPORTED", "nothing is deleted from this registry: use `warg publish yank` to withdraw a release"},
		{"POST", "/v2/foo/bar/tags/list", 405, "UNSUPPORTED", "method not allowed"},
		{"GET", "/v2/foo/bar", 404, "UNKNOWN", "page not found"},
	} {
		expect(t, newServer(t, &fake{content: []byte("content")}, httpapi.Options{}).do(c.method, c.path, ""), c.status, refusal(c.code, c.message))
	}
}

// Errors that have nothing to do with OCI have its form all the same.
func TestOCIErrors(t *testing.T) {
	for _, c := range []struct {
		err           error
		status        int
		code, message string
	}{
		{&registry.UnavailableError{Part: registry.PartDatabase, Reason: "it is away"}, 503, "UNKNOWN", "it is away"},
		{registry.ErrOverloaded, 503, "UNKNOWN", "the registry is overloaded; try again later"},
		{fmt.Errorf("a secret"), 500, "UNKNOWN", "an error occurred while processing the request"},
	} {
		s := newServer(t, &fake{err: c.err}, httpapi.Options{})
		for _, path := range []string{"/v2/foo/bar/tags/list", "/v2/foo/bar/blobs/" + digest.String()} {
			w := s.do("GET", path, "")
			equal(t, path, w.Code, c.status)
			if body := w.Body.String(); !strings.HasPrefix(body, `{"errors":[{"code":"`+c.code+`"`) || !strings.Contains(body, c.message) {
				t.Errorf("%s: %s", path, body)
			}
			equal(t, "told when to try again", w.Header().Get("Retry-After") != "", c.status == 503)
		}
	}
	rate := limits.NewRate[netip.Prefix]("requests from your address", 1.0/3600)
	s := newServer(t, &fake{}, httpapi.Options{Limits: httpapi.Limits{Requests: rate, Addresses: limits.Addresses{CountLoopback: true}}})
	for range 1000 {
		if w := s.do("GET", "/v2/", ""); w.Code != 200 {
			equal(t, "status of one too many", w.Code, 429)
			if body := w.Body.String(); !strings.HasPrefix(body, `{"errors":[{"code":"TOOMANYREQUESTS"`) {
				t.Error(body)
			}
			return
		}
	}
	t.Error("there is no limit")
}

// Clients of OCI registries send tokens in two ways.
func TestPrivateOCI(t *testing.T) {
	s, _, readerToken := newPrivate(t, &fake{content: []byte("content")}, httpapi.Options{})
	token := strings.TrimPrefix(readerToken, "Authorization: bearer ")
	basic := func(password string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
	}
	for _, path := range []string{"/v2/", "/v2/foo/bar/tags/list", "/v2/foo/bar/blobs/" + digest.String()} {
		for _, headers := range [][]string{nil, {basic("x")}, {"Authorization: Bearer x"}} {
			w := s.do("GET", path, "", headers...)
			equal(t, "status", w.Code, 401)
			equal(t, "challenge", w.Header().Get("WWW-Authenticate"), `Basic realm="warg"`)
			if body := w.Body.String(); !strings.HasPrefix(body, `{"errors":[{"code":"UNAUTHORIZED"`) {
				t.Error(body)
			}
		}
		equal(t, "with a bearer token", s.do("GET", path, "", readerToken).Code, 200)
		equal(t, "with a password", s.do("GET", path, "", basic(token)).Code, 200)
	}
	equal(t, "who may cache", s.do("GET", "/v2/foo/bar/blobs/"+digest.String(), "", readerToken).Header().Get("Cache-Control"), "private, max-age=31536000, immutable")
	equal(t, "a password elsewhere", s.do("GET", "/v1/ledger", "", basic(token)).Code, 401)
	equal(t, "a push", s.do("POST", "/v2/foo/bar/blobs/uploads/", "", basic(token)).Code, 400)
}
