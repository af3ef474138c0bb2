package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// others knows one other registry, and where the packages are that it was given.
type others struct {
	handler http.Handler
	hints   map[protocol.Hash]string
}

func (o others) For(_ *http.Request, domain string) (http.Handler, error) {
	switch domain {
	case "home.example":
		return nil, nil
	case "other.example:8090":
		return o.handler, nil
	case "loop.example":
		return nil, &api.MessageError{Code: 508, Message: "round"}
	}
	return nil, &api.MessageError{Code: 404, Message: "nobody"}
}
func (o others) Hint(_ context.Context, logID protocol.Hash) string { return o.hints[logID] }
func (o others) ForName(_ context.Context, name protocol.PackageName) string {
	return o.hints[name.LogID()]
}

// The header and the path lead to the other registry's API, as a whole and by the same code.
func TestOtherRegistries(t *testing.T) {
	content := []byte("0123456789")
	there := newServer(t, &fake{content: content, leaves: []protocol.LogLeaf{{}}}, httpapi.Options{Path: "registries/other.example:8090", WholeContent: true})
	seen := &watcher{}
	here := newServer(t, &fake{err: &registry.LogNotFoundError{LogID: logID}}, httpapi.Options{Observer: seen, Others: others{handler: there.http}})
	header := "Warg-Registry: other.example:8090"
	const path = "/registries/other.example:8090"

	equal(t, "here", here.do("GET", "/v1/ledger/records/0", "").Code, 500)
	equal(t, "here by name", here.do("GET", "/v1/ledger/records/0", "", "Warg-Registry: home.example").Code, 500)
	equal(t, "there", here.do("GET", "/v1/ledger/records/0", "", header).Code, 200)
	equal(t, "there by path", here.do("GET", path+"/v1/ledger/records/0", "").Code, 200)
	equal(t, "the route is what metrics know", seen.answered[2], "200 GET /v1/ledger/records/{start}")
	equal(t, "the route of a path, too", seen.answered[3], "200 /registries/{domain}/")
	expect(t, here.do("GET", "/v1/ledger/records/0", "", "Warg-Registry: third.example"), 404, `{"status":404,"message":"nobody"}`)
	expect(t, here.do("GET", "/v1/ledger/records/0", "", "Warg-Registry: loop.example"), 508, `{"status":508,"message":"round"}`)
	expect(t, here.do("GET", "/registries/loop.example/v1/ledger", ""), 508, `{"status":508,"message":"round"}`)
	twice := httptest.NewRequest("GET", "/v1/ledger/records/0", nil)
	twice.Header["Warg-Registry"] = []string{"other.example:8090", "home.example"}
	w := httptest.NewRecorder()
	here.http.ServeHTTP(w, twice)
	expect(t, w, 400, "{\"status\":400,\"message\":\"there is more than one `Warg-Registry` header\"}")
	for _, domain := range []string{"third.example", "home.example"} {
		equal(t, domain, here.do("GET", "/registries/"+domain+"/v1/ledger", "").Code, 404)
	}

	w = here.do("GET", "/v1/content/"+digest.String(), "", header)
	file := path + "/content/" + strings.Replace(digest.String(), ":", "-", 1)
	expect(t, w, 200, fmt.Sprintf(`{"contentSources":{"%s":[{"type":"httpGet","url":"http://registry.example:8090%s","size":10}]}}`, digest, file))
	w = here.do("GET", file, "", "Range: bytes=2-3")
	equal(t, "a part that is asked for comes as the whole", w.Body.String(), string(content))
	equal(t, "status", w.Code, 200)
	equal(t, "parts", w.Header().Get("Accept-Ranges"), "none")
	id := "X-Request-Id: abc"
	equal(t, "one id for both handlers", here.do("GET", "/v1/ledger", "", header, id).Header().Get("X-Request-Id"), "abc")
}

// A log that is not here has a hint where that is known, and no other error has.
func TestHintOfAnotherRegistry(t *testing.T) {
	f := &fake{err: &registry.LogNotFoundError{LogID: logID}}
	s := newServer(t, f, httpapi.Options{Others: others{hints: map[protocol.Hash]string{logID: "foo=other.example"}}})
	fetch := func() string {
		return s.do("POST", "/v1/fetch/logs", fmt.Sprintf(`{"logLength":1,"packages":{"%s":null}}`, logID)).Header().Get("Warg-Registry-Hint")
	}
	publish := func() string {
		return s.do("POST", fmt.Sprintf("/v1/package/%s/record", logID), publishBody()).Header().Get("Warg-Registry-Hint")
	}
	equal(t, "hint", fetch(), "foo=other.example")
	f.err = &registry.LogNotFoundError{LogID: recordID}
	equal(t, "hint of another log", fetch(), "")
	f.err = &registry.CheckpointNotFoundError{}
	equal(t, "hint of another error", fetch(), "")
	equal(t, "hint of a package that can be published", publish(), "")
	f.err = &registry.NamespaceImportedError{Namespace: "foo"}
	equal(t, "hint of a package that can not", publish(), "foo=other.example")
}
