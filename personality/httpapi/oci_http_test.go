package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// HEAD answers as GET does wherever that is (net/http leaves out the body), also where it refuses; and
// what a client says to accept changes nothing.
func TestOCIMethodsAndAccept(t *testing.T) {
	s := newServer(t, &fake{content: []byte("\x00asm\x01\x00\x00\x00")}, httpapi.Options{})
	tagged := s.do("GET", "/v2/foo/bar/manifests/1.0.0", "").Body.Bytes()
	var manifest struct{ Config struct{ Digest string } }
	if err := json.Unmarshal(tagged, &manifest); err != nil {
		t.Fatal(err)
	}
	of, unknown := protocol.HashOf(tagged).String(), protocol.HashOf([]byte("unknown")).String()
	for path, status := range map[string]int{
		"/v2/":                                        200,
		"/v2/foo/bar/tags/list":                       200,
		"/v2/foo/bar/tags/list?n=0":                   200,
		"/v2/foo/bar/tags/list?n=x":                   400,
		"/v2/foo/other/tags/list":                     404,
		"/v2/foo/bar/manifests/1.0.0":                 200,
		"/v2/foo/bar/manifests/" + of:                 200,
		"/v2/foo/bar/manifests/2.0.0":                 404,
		"/v2/foo/bar/manifests/" + unknown:            404,
		"/v2/foo/bar/blobs/" + digest.String():        200,
		"/v2/foo/bar/blobs/" + unknown:                404,
		"/v2/foo/bar/blobs/x":                         400,
		"/v2/foo/bar/referrers/" + of:                 200,
		"/v2/_catalog":                                400,
		"/v2/foo/bar":                                 404,
		"/v2/foo/bar/blobs/" + manifest.Config.Digest: 200,
	} {
		get := s.do("GET", path, "")
		equal(t, "status of "+path, get.Code, status)
		head := s.do("HEAD", path, "")
		equal(t, "status of HEAD "+path, head.Code, status)
		if !maps.EqualFunc(steady(head.Header()), steady(get.Header()), slices.Equal) {
			t.Errorf("%s: the header of HEAD is %v, of GET %v", path, head.Header(), get.Header())
		}
		for _, accept := range []string{"*/*", "text/html", "application/vnd.docker.distribution.manifest.v2+json", "nonsense"} {
			w := s.do("GET", path, "", "Accept: "+accept)
			equal(t, "status of "+path+" for "+accept, w.Code, status)
			equal(t, "answer of "+path+" for "+accept, w.Body.String(), get.Body.String())
			equal(t, "type of "+path+" for "+accept, w.Header().Get("Content-Type"), get.Header().Get("Content-Type"))
		}
	}
}

// steady is a header without what no two answers have in common.
func steady(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		h.Del(name)
	}
	return h
}

// A number of tags that is none is refused in the protocol's form.
func TestOCICount(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	for _, n := range []string{"-1", "x", "1.5", "99999999999999999999"} {
		expect(t, s.do("GET", "/v2/foo/bar/tags/list?n="+n, ""), 400, refusal("UNSUPPORTED", `n is \"`+n+`\", and must be a number of tags`))
	}
	expect(t, s.do("GET", "/v2/foo/bar/tags/list?n=0", ""), 200, `{"name":"foo/bar","tags":[]}`)
}

// Who uses another method is told which there are.
func TestOCIAllow(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	for _, path := range []string{"/v2/", "/v2/foo/bar/tags/list"} {
		w := s.do("PATCH", path, "")
		equal(t, "status", w.Code, http.StatusMethodNotAllowed)
		equal(t, "Allow", w.Header().Get("Allow"), "GET, HEAD")
	}
}

// A package of more releases than are shown is refused with words that say so.
func TestOCITooManyReleases(t *testing.T) {
	f := &fake{logs: reader.FetchLogsResponse{More: true, Packages: []reader.PackageRecords{{
		LogID: logID, Records: slices.Repeat(released.Packages[0].Records, 1000),
	}}}}
	w := newServer(t, f, httpapi.Options{}).do("GET", "/v2/foo/bar/tags/list", "")
	equal(t, "status", w.Code, 413)
	if body := w.Body.String(); !strings.HasPrefix(body, `{"errors":[{"code":"SIZE_INVALID","message":"`) || !strings.Contains(body, "more than 100000 releases") {
		t.Error(body)
	}
}
