package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

var (
	name, _  = protocol.ParsePackageName("foo:bar")
	logID    = name.LogID()
	recordID = protocol.HashOf([]byte("record"))
	digest   = protocol.HashOf([]byte("content"))
	envelope = func() protocol.Envelope {
		var e protocol.Envelope
		if err := e.UnmarshalJSON([]byte(envelopeJSON)); err != nil {
			panic(err)
		}
		return e
	}()
)

const (
	envelopeMembers = `"contentBytes":"AAEC","keyId":"sha256:key","signature":"ecdsa-p256:MEUCIBnUaiPiSqQHPlGQ+YlSbjLBAAAAAAAAAAAAAAAAAAABAiEA2Fm29ZB1Awov4SzH+IOifwCFUfv72yCmUBlekEyxGMA="`
	envelopeJSON    = `{` + envelopeMembers + `}`
	processing      = `{"recordId":"%s","state":"processing"}`
)

func publishBody() string {
	return `{"packageName":"foo:bar","record":` + envelopeJSON + `}`
}

func TestFetchLogs(t *testing.T) {
	s := newServer(t, &fake{logs: reader.FetchLogsResponse{
		More:     true,
		Operator: []reader.PublishedRecord{{RecordID: recordID, Envelope: envelope, RegistryIndex: 0}},
		Packages: []reader.PackageRecords{
			{LogID: logID, Records: []reader.PublishedRecord{{RecordID: digest, Envelope: envelope, RegistryIndex: 7}}},
			{LogID: recordID},
		},
	}}, httpapi.Options{})
	w := s.do("POST", "/v1/fetch/logs", fmt.Sprintf(`{"logLength":9,"limit":1,"operator":"tok","packages":{"%s":"t","%s":null}}`, logID, recordID))
	expect(t, w, 200, fmt.Sprintf(`{"more":true,"operator":[{%s,"registryIndex":0,"fetchToken":"%s"}],`+
		`"packages":{"%s":[{%s,"registryIndex":7,"fetchToken":"%s"}],"%s":[]}}`,
		envelopeMembers, recordID, logID, envelopeMembers, digest, recordID))
	want := reader.FetchLogsRequest{LogLength: 9, Limit: 1, Operator: "tok",
		Packages: []reader.PackageLogCursor{{LogID: logID, FetchToken: "t"}, {LogID: recordID}}}
	if !reflect.DeepEqual(s.fake.asked, []any{want}) {
		t.Errorf("asked %+v, want %+v", s.fake.asked, want)
	}
}

func TestFetchLogsLimits(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	expect(t, s.do("POST", "/v1/fetch/logs", `{"logLength":1}`), 200, `{"more":false}`)
	equal(t, "default limit", s.fake.asked[0].(reader.FetchLogsRequest).Limit, 100)
	expect(t, s.do("POST", "/v1/fetch/logs", `{"logLength":1,"limit":1000}`), 200, `{"more":false}`)
	for _, limit := range []string{"0", "1001", "65535"} {
		expect(t, s.do("POST", "/v1/fetch/logs", `{"logLength":1,"limit":`+limit+`}`), 400,
			"{\"status\":400,\"message\":\"invalid records limit value `"+limit+"`: must be between 1 and 1000\"}")
	}
}

func TestFetchCheckpoint(t *testing.T) {
	checkpoint := protocol.SignedCheckpoint{KeyID: "sha256:key", Signature: envelope.Signature}
	checkpoint.Contents.Checkpoint = protocol.Checkpoint{LogRoot: logID, LogLength: 3, MapRoot: recordID}
	checkpoint.Contents.Timestamp = 1689946293
	s := newServer(t, &fake{checkpoint: checkpoint, verdicts: [2]reader.Verdict{reader.Verified, reader.Invalid}}, httpapi.Options{})
	text := fmt.Sprintf(`{"contents":{"logRoot":"%s","logLength":3,"mapRoot":"%s","timestamp":1689946293},"keyId":"sha256:key","signature":"%s"}`,
		logID, recordID, envelope.Signature)
	expect(t, s.do("GET", "/v1/fetch/checkpoint", ""), 200, text)

	expect(t, s.do("POST", "/v1/verify/checkpoint", text), 200, `{"checkpoint":"verified","signature":"invalid"}`)
	equal(t, "verified", s.fake.asked[0].(protocol.ReceivedCheckpoint), checkpoint.Received())
	s.fake.verdicts = [2]reader.Verdict{reader.Unverified, reader.Verified}
	expect(t, s.do("POST", "/v1/verify/checkpoint", text), 200, `{"checkpoint":"unverified","signature":"verified"}`)

	// The protocol lets roots of any length come as far as the registry.
	short := strings.Replace(text, logID.String(), "sha256:ab", 1)
	expect(t, s.do("POST", "/v1/verify/checkpoint", short), 200, `{"checkpoint":"unverified","signature":"verified"}`)
	equal(t, "root", s.fake.asked[len(s.fake.asked)-1].(protocol.ReceivedCheckpoint).LogRoot, "sha256:ab")
}

// Who has the newest checkpoint, or note, is told so, and not sent it again.
func TestNothingNew(t *testing.T) {
	f := &fake{note: []byte("note\n")}
	f.checkpoint.Contents.LogLength = 3
	s := newServer(t, f, httpapi.Options{})
	for path, change := range map[string]func(){
		"/v1/fetch/checkpoint":     func() { f.checkpoint.Contents.Timestamp++ },
		"/tlog/records/checkpoint": func() { f.note = []byte("another\n") },
	} {
		tag := s.do("GET", path, "").Header().Get("ETag")
		again := func() *httptest.ResponseRecorder { return s.do("GET", path, "", "If-None-Match: "+tag) }
		w := again()
		equal(t, path, w.Code, 304)
		equal(t, "body", w.Body.String(), "")
		equal(t, "tag", w.Header().Get("ETag"), tag)
		change()
		w = again()
		equal(t, path+" with news", w.Code, 200)
		equal(t, "same tag", w.Header().Get("ETag") == tag, false)
	}
}

func TestFetchNames(t *testing.T) {
	s := newServer(t, &fake{names: []reader.NamedLog{{LogID: recordID}, {LogID: logID, Name: "foo:bar"}}}, httpapi.Options{})
	expect(t, s.do("POST", "/v1/fetch/names", fmt.Sprintf(`{"packages":["%s","%[1]s"]}`, logID)), 200,
		fmt.Sprintf(`{"packages":{"%s":"foo:bar"}}`, logID))
	expect(t, s.do("POST", "/v1/fetch/names", `{"packages":[]}`), 200, `{"packages":{}}`)

	// One that is not known is an error, as in the reference.
	for _, unknown := range []string{recordID.String(), digest.String(), "sha256:ab"} {
		expect(t, s.do("POST", "/v1/fetch/names", fmt.Sprintf(`{"packages":["%s","%s"]}`, logID, unknown)), 404,
			fmt.Sprintf(`{"status":404,"type":"log","id":"%s"}`, unknown))
	}

	// The first thousand is answered; the client asks again for the rest.
	many := strings.Repeat(`"`+logID.String()+`",`, 1000) + `"` + recordID.String() + `"`
	expect(t, s.do("POST", "/v1/fetch/names", `{"packages":[`+many+`]}`), 200, fmt.Sprintf(`{"packages":{"%s":"foo:bar"}}`, logID))
}

func TestLedger(t *testing.T) {
	s := newServer(t, &fake{leaves: []protocol.LogLeaf{{LogID: logID, RecordID: recordID}, {LogID: recordID, RecordID: digest}}}, httpapi.Options{})
	source := `{"firstRegistryIndex":%d,"lastRegistryIndex":%d,"url":"v1/ledger/records/%[1]d","contentType":"application/vnd.warg.ledger.packed"}`
	for length, sources := range map[uint64]string{
		0:    "",
		1:    fmt.Sprintf(source, 0, 0),
		1000: fmt.Sprintf(source, 0, 999),
		1001: fmt.Sprintf(source, 0, 999) + "," + fmt.Sprintf(source, 1000, 1000),
	} {
		s.fake.checkpoint.Contents.LogLength = length
		expect(t, s.do("GET", "/v1/ledger", ""), 200, `{"hashAlgorithm":"sha256","sources":[`+sources+`]}`)
	}
	s.fake.err = &registry.CheckpointNotFoundError{}
	expect(t, s.do("GET", "/v1/ledger", ""), 200, `{"hashAlgorithm":"sha256","sources":[]}`)

	s.fake.err = nil
	w := s.do("GET", "/v1/ledger/records/1000", "")
	equal(t, "status", w.Code, 200)
	equal(t, "content type", w.Header().Get("Content-Type"), "application/vnd.warg.ledger.packed")
	equal(t, "packed", w.Body.String(), string(logID[:])+string(recordID[:])+string(recordID[:])+string(digest[:]))
	if !reflect.DeepEqual(s.fake.asked, []any{uint64(1000), 1000}) {
		t.Errorf("asked for %v", s.fake.asked)
	}
	expect(t, s.do("GET", "/v1/ledger/records/-1", ""), 400, "{\"status\":400,\"message\":\"Invalid URL: Cannot parse `-1` to a `u64`\"}")
}

func TestProofs(t *testing.T) {
	s := newServer(t, &fake{bundle: []byte{1, 2, 3}, mapBundle: []byte{0xff}}, httpapi.Options{})
	expect(t, s.do("POST", "/v1/proof/inclusion", `{"logLength":40,"leafs":[0,39,7]}`), 200, `{"log":"AQID","map":"/w=="}`)
	if !reflect.DeepEqual(s.fake.asked, []any{uint64(40), []uint64{0, 39, 7}}) {
		t.Errorf("asked for %v", s.fake.asked)
	}
	expect(t, s.do("POST", "/v1/proof/consistency", `{"from":1,"to":9}`), 200, `{"proof":"AQID"}`)
	if !reflect.DeepEqual(s.fake.asked, []any{uint64(1), uint64(9)}) {
		t.Errorf("asked for %v", s.fake.asked)
	}
}

func TestPublishAndRecord(t *testing.T) {
	recordPath := fmt.Sprintf("/v1/package/%s/record/%s", logID, recordID)
	upload := fmt.Sprintf(`{"upload":[{"type":"http","method":"POST","url":"%s/content/%s"}]}`, recordPath[1:], digest)
	for _, c := range []struct {
		status registry.RecordStatus
		rest   string
	}{
		{registry.RecordStatus{State: registry.Sourcing, Missing: []protocol.Hash{digest}},
			fmt.Sprintf(`"sourcing","missingContent":{"%s":%s}`, digest, upload)},
		{registry.RecordStatus{State: registry.Processing}, `"processing"`},
		{registry.RecordStatus{State: registry.Rejected, Reason: "it <b>"}, `"rejected","reason":"it <b>"`},
		{registry.RecordStatus{State: registry.Published, RegistryIndex: 5}, `"published","registryIndex":5`},
	} {
		c.status.RecordID = recordID
		s := newServer(t, &fake{status: c.status}, httpapi.Options{})
		body := fmt.Sprintf(`{"recordId":"%s","state":%s}`, recordID, c.rest)
		expect(t, s.do("POST", fmt.Sprintf("/v1/package/%s/record", logID), publishBody()), 202, body)
		if !reflect.DeepEqual(s.fake.asked, []any{logID, name, envelope}) {
			t.Errorf("asked %v", s.fake.asked)
		}
		expect(t, s.do("GET", recordPath, ""), 200, body)
		if !reflect.DeepEqual(s.fake.asked, []any{logID, recordID}) {
			t.Errorf("asked %v", s.fake.asked)
		}
		// Paths may be percent-encoded.
		expect(t, s.do("GET", strings.ReplaceAll(recordPath, ":", "%3A"), ""), 200, body)
	}
}

func TestUploadContent(t *testing.T) {
	path := fmt.Sprintf("/v1/package/%s/record/%s/content/", logID, recordID)
	s := newServer(t, &fake{}, httpapi.Options{ContentBaseURL: "https://cdn.example/base/"})
	w := s.do("POST", path+digest.String(), "\x00asm", "Content-Type: application/wasm")
	equal(t, "status", w.Code, 201)
	equal(t, "location", w.Header().Get("Location"), "https://cdn.example/base/content/"+strings.Replace(digest.String(), ":", "-", 1))
	equal(t, "body", w.Body.String(), "")
	if !reflect.DeepEqual(s.fake.asked, []any{logID, recordID, digest, "\x00asm"}) {
		t.Errorf("asked %v", s.fake.asked)
	}

	// A digest of another length is asked for by no record.
	expect(t, s.do("POST", path+"sha256:ab", "x"), 400, fmt.Sprintf(
		"{\"status\":400,\"message\":\"content digest `sha256:ab` is not required for package record `%s`\"}", recordID))
	s.fake.status.State = registry.Processing
	expect(t, s.do("POST", path+"sha256:ab", "x"), 405, `{"status":405}`)
	s.fake.err = &registry.RecordNotFoundError{RecordID: recordID}
	expect(t, s.do("POST", path+"sha256:ab", "x"), 404, fmt.Sprintf(`{"status":404,"type":"record","id":"%s"}`, recordID))
}

func TestContentSources(t *testing.T) {
	s := newServer(t, &fake{content: []byte("content")}, httpapi.Options{Limits: httpapi.Limits{Addresses: proxied}})
	file := strings.Replace(digest.String(), ":", "-", 1)
	path := "/v1/content/" + digest.String()
	answer := `{"contentSources":{"` + digest.String() + `":[{"type":"httpGet","url":"%s/content/` + file + `","acceptRanges":true,"size":7}]}}`
	expect(t, s.do("GET", path, ""), 200, fmt.Sprintf(answer, "http://registry.example:8090"))
	w := s.do("GET", path, "", "X-Forwarded-Proto: https, https")
	expect(t, w, 200, fmt.Sprintf(answer, "https://registry.example:8090"))
	equal(t, "cache control of URLs made of the Host header", w.Header().Get("Cache-Control"), "no-store")
	s = newServer(t, s.fake, httpapi.Options{})
	expect(t, s.do("GET", path, "", "X-Forwarded-Proto: https"), 200, fmt.Sprintf(answer, "http://registry.example:8090"))
	s = newServer(t, s.fake, httpapi.Options{BaseURL: "https://base.example"})
	w = s.do("GET", path, "")
	expect(t, w, 200, fmt.Sprintf(answer, "https://base.example"))
	equal(t, "cache control of URLs that are the same for all", w.Header().Get("Cache-Control"), "")
}

func TestContent(t *testing.T) {
	s := newServer(t, &fake{content: []byte("0123456789")}, httpapi.Options{})
	file := strings.Replace(digest.String(), ":", "-", 1)
	w := s.do("GET", "/content/"+file, "")
	equal(t, "status", w.Code, 200)
	equal(t, "content", w.Body.String(), "0123456789")
	equal(t, "content type", w.Header().Get("Content-Type"), "application/wasm")
	equal(t, "cache control", w.Header().Get("Cache-Control"), "public, max-age=31536000, immutable")
	equal(t, "entity tag", w.Header().Get("ETag"), `"`+file+`"`)

	w = s.do("GET", "/content/"+file, "", "Range: bytes=2-4")
	equal(t, "status of a range", w.Code, 206)
	equal(t, "range", w.Body.String(), "234")
	w = s.do("GET", "/content/"+file, "", `If-None-Match: "`+file+`"`)
	equal(t, "status if it is known", w.Code, 304)
	w = s.do("GET", "/content/"+file, "", "Range: bytes=20-30")
	equal(t, "status of a range beyond the end", w.Code, 416)
	w = s.do("HEAD", "/content/"+file, "")
	equal(t, "length in HEAD", w.Header().Get("Content-Length"), "10")

	notFound := `{"status":404,"message":"the requested resource was not found"}`
	for _, bad := range []string{digest.String(), file[:len(file)-2], strings.ToUpper(file), file + "0", "%2e%2e"} {
		expect(t, s.do("GET", "/content/"+bad, ""), 404, notFound)
	}
	s.fake.err = &registry.ContentNotFoundError{Digest: digest}
	w = s.do("GET", "/content/"+file, "")
	expect(t, w, 404, fmt.Sprintf(`{"status":404,"type":"contentDigest","id":"%s"}`, digest))
	equal(t, "cache control of an error", w.Header().Get("Cache-Control"), "")
}

func TestWellKnownAndHealth(t *testing.T) {
	const path = "/.well-known/wasm-pkg/registry.json"
	answer := `{"preferredProtocol":"oci","oci":{"registry":"%s","namespacePrefix":""},"warg":{%s}}`
	s := newServer(t, &fake{}, httpapi.Options{BaseURL: "https://warg.example"})
	expect(t, s.do("GET", path, ""), 200, fmt.Sprintf(answer, "warg.example", `"url":"https://warg.example"`))
	equal(t, "cache control of what is the same for all", s.do("GET", path, "").Header().Get("Cache-Control"), "")
	s = newServer(t, &fake{}, httpapi.Options{Limits: httpapi.Limits{Addresses: proxied}})
	w := s.do("GET", path, "", "X-Forwarded-Proto: https")
	expect(t, w, 200, fmt.Sprintf(answer, "registry.example:8090", `"url":"https://registry.example:8090"`))
	equal(t, "cache control of what the Host header made", w.Header().Get("Cache-Control"), "no-store")
	// The official client fails on a URL without TLS that is not on loopback.
	expect(t, s.do("GET", path, ""), 200, fmt.Sprintf(answer, "registry.example:8090", ""))
	// An OCI registry can not be in a folder.
	s = newServer(t, &fake{}, httpapi.Options{BaseURL: "https://warg.example/registry/"})
	expect(t, s.do("GET", path, ""), 200, `{"warg":{"url":"https://warg.example/registry/"}}`)

	equal(t, "healthz", s.do("GET", "/healthz", "").Code, 200)
	equal(t, "readyz", s.do("GET", "/readyz", "").Code, 200)
	s.fake.err = fmt.Errorf("the log server does not answer")
	equal(t, "healthz when not ready", s.do("GET", "/healthz", "").Code, 200)
	w = s.do("GET", "/readyz", "")
	equal(t, "readyz when not ready", w.Code, 503)
	equal(t, "reason", w.Body.String(), "the log server does not answer\n")
}

func TestRegistryHeader(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	for value, want := range map[string]string{
		"other.example":      "{\"status\":501,\"message\":\"`Warg-Registry` header is not supported\"}",
		"u@other.example:80": "{\"status\":501,\"message\":\"`Warg-Registry` header is not supported\"}",
		"https://other/":     "{\"status\":400,\"message\":\"`Warg-Registry` header is not a valid Authority URI\"}",
		"":                   "{\"status\":400,\"message\":\"`Warg-Registry` header is not a valid Authority URI\"}",
	} {
		status := map[byte]int{'5': 501, '4': 400}[want[10]]
		expect(t, s.do("GET", "/v1/fetch/checkpoint", "", "Warg-Registry: "+value), status, want)
		// It comes before anything else is looked at.
		expect(t, s.do("POST", "/v1/fetch/logs", "{", "Warg-Registry: "+value), status, want)
	}
	equal(t, "content itself", s.do("GET", "/healthz", "", "Warg-Registry: other.example").Code, 200)
}

func TestCrossOrigin(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	w := s.do("OPTIONS", "/v1/fetch/logs", "", "Origin: https://a.example")
	equal(t, "status", w.Code, http.StatusOK)
	equal(t, "methods", w.Header().Get("Access-Control-Allow-Methods"), "GET,POST")
	w = s.do("GET", "/v1/fetch/nothing", "")
	equal(t, "origin", w.Header().Get("Access-Control-Allow-Origin"), "*")
	for _, header := range []string{"Docker-Content-Digest", "Content-Range", "WWW-Authenticate"} { // of /v2/
		equal(t, header, strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), header), true)
	}
}
