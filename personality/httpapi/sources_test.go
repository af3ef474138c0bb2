package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content sources of a post reach the registry where it takes them, and what became of
// them is said beside where to upload.
func TestPublishFrom(t *testing.T) {
	s := newServer(t, &fake{status: registry.RecordStatus{
		RecordID: recordID, State: registry.Sourcing, Missing: []protocol.Hash{digest}, Failures: map[protocol.Hash]string{digest: "source 1: it is away"},
	}}, httpapi.Options{FetchContent: true})
	path := "/v1/package/" + logID.String() + "/record"
	post := func(sources string) string {
		return strings.TrimSuffix(publishBody(), "}") + `,"contentSources":` + sources + `}`
	}
	source := `{"type":"httpGet","url":"https://example.com/%s"}`
	w := s.do("POST", path, post(`{"`+digest.String()+`":[`+fmt.Sprintf(source, "a")+`,`+fmt.Sprintf(source, "b")+`]}`))
	equal(t, "status", w.Code, 202)
	if !strings.Contains(w.Body.String(), `"}],"reason":"source 1: it is away"}`) {
		t.Errorf("the answer is %s", w.Body)
	}
	if len(s.fake.asked) != 4 {
		t.Fatalf("asked %v", s.fake.asked)
	}
	equal(t, "sources", strings.Join(s.fake.asked[3].(registry.SourceURLs)[digest], " "), "https://example.com/a https://example.com/b")

	w = s.do("POST", path, post(`{"sha256:00":[`+fmt.Sprintf(source, "a")+`]}`))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "not required") {
		t.Errorf("a digest that is none: %d %s", w.Code, w.Body)
	}
	w = s.do("POST", path, post(`{"`+digest.String()+`":[{"type":"ftp","url":"a"}]}`))
	equal(t, "another kind of source", w.Code, 422)
	w = s.do("POST", path, publishBody())
	if w.Code != 202 || len(s.fake.asked) != 3 {
		t.Errorf("without sources: %d, asked %v", w.Code, s.fake.asked)
	}
}

// Where else a content is comes behind this registry, with the same size.
func TestFurtherSources(t *testing.T) {
	s := newServer(t, &fake{content: []byte("content"), sources: []string{"https://example.com/a"}}, httpapi.Options{BaseURL: "https://registry.example"})
	expect(t, s.do("GET", "/v1/content/"+digest.String(), ""), 200, `{"contentSources":{"`+digest.String()+`":[`+
		`{"type":"httpGet","url":"https://registry.example/content/`+strings.Replace(digest.String(), ":", "-", 1)+`","acceptRanges":true,"size":7},`+
		`{"type":"httpGet","url":"https://example.com/a","size":7}]}}`)
	s.fake.err = &registry.ContentNotFoundError{Digest: digest}
	equal(t, "content that is not here", s.do("GET", "/v1/content/"+digest.String(), "").Code, 404)
}
