package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

func TestMalformedRequests(t *testing.T) {
	record := fmt.Sprintf("/v1/package/%s/record", logID)
	for _, c := range []struct {
		name, method, path, body, header string
		status                           int
		text                             string // in the message; "=" and a text: the whole body
	}{
		{"no content type", "POST", "/v1/fetch/logs", "{}", "Content-Type: ", 415, "Expected request with `Content-Type: application/json`"},
		{"other content type", "POST", "/v1/fetch/logs", "{}", "Content-Type: text/json", 415, "Expected request with"},
		{"nonsense content type", "POST", "/v1/fetch/logs", "{}", "Content-Type: ;;/", 415, "Expected request with"},
		{"content type with charset", "POST", "/v1/fetch/logs", `{"logLength":1}`, "Content-Type: Application/JSON; charset=utf-8", 200, ""},
		{"content type of a kind of JSON", "POST", "/v1/fetch/logs", `{"logLength":1}`, "Content-Type: application/x+json", 200, ""},
		{"no body", "POST", "/v1/fetch/logs", "", "Content-Type: application/json", 400, "Failed to parse the request body as JSON: "},
		{"cut-off body", "POST", "/v1/fetch/logs", `{"logLength":`, "", 400, "Failed to parse the request body as JSON: "},
		{"two bodies", "POST", "/v1/proof/inclusion", `{"logLength":1,"leafs":[]} {}`, "", 400, "Failed to parse"},
		{"missing member", "POST", "/v1/fetch/logs", `{}`, "", 422, "Failed to deserialize the JSON body into the target type: missing field `logLength`"},
		{"unknown member", "POST", "/v1/fetch/logs", `{"logLength":1,"x":1}`, "", 422, "unknown field `x`, expected one of `logLength`, `limit`, `operator`, `packages`"},
		{"number too great", "POST", "/v1/proof/consistency", `{"from":1,"to":18446744073709551616}`, "", 422, "to: "},
		{"negative number", "POST", "/v1/proof/inclusion", `{"logLength":1,"leafs":[-1]}`, "", 422, "leafs: "},
		{"name not a hash", "POST", "/v1/fetch/names", `{"packages":["x"]}`, "", 422, "expected two parts for hash; found 1"},
		{"cut-off checkpoint", "POST", "/v1/verify/checkpoint", `{"contents":`, "", 400, "Failed to parse"},
		{"checkpoint without signature", "POST", "/v1/verify/checkpoint", `{"contents":{}}`, "", 422, "Failed to deserialize"},

		{"empty operator token", "POST", "/v1/fetch/logs", `{"logLength":1,"operator":""}`, "", 404, `={"status":404,"type":"fetchToken","id":""}`},
		{"empty package token", "POST", "/v1/fetch/logs", fmt.Sprintf(`{"logLength":1,"packages":{"%s":""}}`, logID), "", 404, `={"status":404,"type":"fetchToken","id":""}`},
		{"log id of another length", "POST", "/v1/fetch/logs", `{"logLength":1,"packages":{"sha256:ab":null}}`, "", 404, `={"status":404,"type":"log","id":"sha256:ab"}`},

		{"short log id on publish", "POST", "/v1/package/sha256:ab/record", publishBody(), "", 400, "does not match provided log identifier `sha256:ab`"},
		{"log id no hash", "POST", "/v1/package/abc/record", publishBody(), "", 400, "Invalid URL: expected two parts for hash; found 1"},
		{"log id in capitals", "GET", "/v1/package/" + strings.ToUpper(logID.String()) + "/record/" + recordID.String(), "", "", 400, "Invalid URL: "},
		{"other algorithm", "GET", "/v1/content/md5:00", "", "", 400, "Invalid URL: unable to parse hash algorithm: Illegal hash algorithm 'md5'"},
		{"short log id", "GET", "/v1/package/sha256:ab/record/" + recordID.String(), "", "", 404, `={"status":404,"type":"log","id":"sha256:ab"}`},
		{"short record id", "GET", record + "/sha256:", "", "", 404, `={"status":404,"type":"record","id":"sha256:"}`},
		{"record id no hash", "POST", record + "/x/content/" + digest.String(), "x", "", 400, "Invalid URL: "},
		{"digest no hash", "POST", record + "/" + recordID.String() + "/content/x", "x", "", 400, "Invalid URL: "},
		{"short digest", "GET", "/v1/content/sha256:00", "", "", 404, `={"status":404,"type":"contentDigest","id":"sha256:00"}`},
		{"slash in a hash", "GET", "/v1/content/sha256%2F00", "", "", 400, "Invalid URL: "},
		{"bad name", "POST", record, strings.Replace(publishBody(), "foo:bar", "Foo:bar", 1), "", 422, "invalid package name `Foo:bar`"},
		{"bad base64", "POST", record, strings.Replace(publishBody(), "AAEC", "AA!C", 1), "", 422, "Failed to deserialize"},
		{"bad signature", "POST", record, strings.Replace(publishBody(), "ecdsa-p256:", "rsa:", 1), "", 422, "Failed to deserialize"},
		{"content sources", "POST", record, strings.TrimSuffix(publishBody(), "}") + `,"contentSources":{"sha256:00":[]}}`, "", 501,
			`={"status":501,"message":"specifying content sources is not supported"}`},
		{"ledger start", "GET", "/v1/ledger/records/x", "", "", 400, "Invalid URL: Cannot parse `x` to a `u64`"},
		{"ledger start too great", "GET", "/v1/ledger/records/18446744073709551616", "", "", 400, "Invalid URL: "},

		{"unknown path", "GET", "/v1/fetch/query", "", "", 404, `={"status":404,"message":"the requested resource was not found"}`},
		{"root", "GET", "/", "", "", 404, `={"status":404,"message":"the requested resource was not found"}`},
		{"path that goes on", "GET", "/v1/ledger/records/0/x", "", "", 404, "not found"},
		{"wrong method", "GET", "/v1/fetch/logs", "", "", 405, "takes only POST"},
		{"wrong method for reading", "DELETE", "/v1/content/" + digest.String(), "", "", 405, "takes only GET, HEAD"},
		{"putting content", "PUT", record + "/" + recordID.String() + "/content/" + digest.String(), "x", "", 405, "takes only POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, &fake{}, httpapi.Options{})
			var w *httptest.ResponseRecorder
			if c.header != "" {
				w = s.do(c.method, c.path, c.body, c.header)
			} else {
				w = s.do(c.method, c.path, c.body)
			}
			equal(t, "status", w.Code, c.status)
			equal(t, "content type", w.Header().Get("Content-Type"), "application/json")
			equal(t, "log", s.log.String(), "")
			if whole, ok := strings.CutPrefix(c.text, "="); ok {
				equal(t, "body", w.Body.String(), whole)
				return
			}
			if w.Code == 200 {
				return
			}
			var e api.MessageError
			if err := e.UnmarshalJSON(w.Body.Bytes()); err != nil {
				t.Fatal(err)
			}
			equal(t, "status in the body", e.Status(), c.status)
			if !strings.Contains(e.Message, c.text) {
				t.Errorf("message %q, want %q in it", e.Message, c.text)
			}
			if w.Code == 405 && w.Header().Get("Allow") == "" {
				t.Error("405 does not say what is allowed")
			}
		})
	}
}

func TestBounds(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{MaxBody: 100, MaxItems: 2})
	tooLarge := `{"status":413,"message":"Failed to buffer the request body: length limit exceeded"}`
	pad := func(n int) string {
		body := `{"logLength":1,"leafs":[0]`
		return body + strings.Repeat(" ", n-len(body)-1) + "}"
	}
	equal(t, "status at the limit", s.do("POST", "/v1/proof/inclusion", pad(100)).Code, 200)
	expect(t, s.do("POST", "/v1/proof/inclusion", pad(101)), 413, tooLarge)

	// Of unknown length.
	r := httptest.NewRequest("POST", "/v1/proof/inclusion", struct{ *strings.Reader }{strings.NewReader(pad(101))})
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	expect(t, w, 413, tooLarge)

	equal(t, "as many as allowed", s.do("POST", "/v1/proof/inclusion", `{"logLength":1,"leafs":[0,1]}`).Code, 200)
	expect(t, s.do("POST", "/v1/proof/inclusion", `{"logLength":1,"leafs":[0,1,2]}`), 413,
		`{"status":413,"message":"too many leafs: 3 in one request, at most 2 are allowed; ask in parts"}`)
	expect(t, s.do("POST", "/v1/fetch/logs", `{"logLength":1,"packages":{"sha256:":null,"sha256:00":null,"sha256:01":null}}`), 413,
		`{"status":413,"message":"too many packages: 3 in one request, at most 2 are allowed; ask in parts"}`)
}

// FuzzHandler: no request makes the handler panic or answer with 500, and what
// it answers with an error is an error body.
func FuzzHandler(f *testing.F) {
	for _, r := range requests() {
		f.Add(r.method, r.path, r.body, "application/json")
	}
	f.Add("GET", "/v1//ledger/../%2e%2e/%00", "", "")
	f.Add("POST", "/v1/fetch/logs", "{", "a/b;c")
	f.Fuzz(func(t *testing.T, method, path, body, contentType string) {
		r, err := http.NewRequest(method, "http://h/", strings.NewReader(body))
		if err != nil || setPath(r, path) != nil || r.URL.Host != "h" || path == "*" {
			t.Skip("net/http would not let it in, or would answer itself")
		}
		r.Header["Content-Type"] = []string{contentType}
		s := newServer(t, &fake{}, httpapi.Options{})
		s.fake.checkpoint.Signature = envelope.Signature
		w := httptest.NewRecorder()
		s.http.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 501 || s.log.Len() > 0 {
			t.Fatalf("%s %q %q: status %d, log %s", method, path, body, w.Code, s.log)
		}
		if w.Code >= 400 && w.Code != 416 && method != "HEAD" && !strings.Contains(w.Body.String(), fmt.Sprintf(`{"status":%d`, w.Code)) {
			t.Fatalf("%s %q: status %d with body %q", method, path, w.Code, w.Body)
		}
	})
}
