package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

const internal = `{"status":500,"message":"an error occurred while processing the request"}`

// request is one good request of an endpoint.
type request struct{ method, path, body string }

// requests has one for each route.
func requests() map[string]request {
	record := fmt.Sprintf("/v1/package/%s/record", logID)
	return map[string]request{
		"fetch":           {"POST", "/v1/fetch/logs", `{"logLength":1}`},
		"names":           {"POST", "/v1/fetch/names", fmt.Sprintf(`{"packages":["%s"]}`, logID)},
		"checkpoint":      {"GET", "/v1/fetch/checkpoint", ""},
		"ledger":          {"GET", "/v1/ledger", ""},
		"leaves":          {"GET", "/v1/ledger/records/0", ""},
		"publish":         {"POST", record, publishBody()},
		"operator record": {"POST", "/v1/operator/record", `{"record":` + envelopeJSON + `}`},
		"operator status": {"GET", "/v1/operator/record/" + recordID.String(), ""},
		"record":          {"GET", record + "/" + recordID.String(), ""},
		"upload":          {"POST", record + "/" + recordID.String() + "/content/" + digest.String(), "x"},
		"content":         {"GET", "/v1/content/" + digest.String(), ""},
		"file":            {"GET", "/content/" + strings.Replace(digest.String(), ":", "-", 1), ""},
		"inclusion":       {"POST", "/v1/proof/inclusion", `{"logLength":1,"leafs":[0]}`},
		"proof":           {"POST", "/v1/proof/consistency", `{"from":1,"to":2}`},
		"verify": {"POST", "/v1/verify/checkpoint", fmt.Sprintf(
			`{"contents":{"logRoot":"%s","logLength":3,"mapRoot":"%[1]s","timestamp":1},"keyId":"k","signature":"%s"}`, logID, envelope.Signature)},
		"health":    {"GET", "/healthz", ""},
		"readiness": {"GET", "/readyz", ""},
		"note":      {"GET", "/tlog/records/checkpoint", ""},
		"vkeys":     {"GET", "/tlog/records/vkeys", ""},
		"tile":      {"GET", "/tlog/checkpoints/tile/0/000.p/2", ""},
		"release":   {"GET", "/tlog/records/proof/foo/bar/1.0.0%2Bbuild", ""},
		"oci":       {"GET", "/v2/foo/bar/tags/list", ""},
		"blob":      {"GET", "/v2/foo/bar/blobs/" + digest.String(), ""},
		"wellKnown": {"GET", "/.well-known/wasm-pkg/registry.json", ""},
	}
}

// everything is all endpoints that can fail.
const everything = "fetch names checkpoint ledger leaves publish record upload content file inclusion proof verify note tile release"

// answered is what becomes of an error on some endpoints.
type answered struct {
	err    error
	on     string // endpoints
	status int
	body   string
}

// errorTable has every error of package registry, for every API that has a form
// for it.
func errorTable() []answered {
	reason := `a "reason" <é>`
	message := func(status int) string { return fmt.Sprintf(`{"status":%d,"message":"a \"reason\" <é>"}`, status) }
	entity := func(status int, kind string, id any) string {
		if n, ok := id.(int); ok {
			return fmt.Sprintf(`{"status":%d,"type":"%s","id":%d}`, status, kind, n)
		}
		return fmt.Sprintf(`{"status":%d,"type":"%s","id":"%s"}`, status, kind, id)
	}
	secret := errors.New("dial tcp 10.0.0.7:3306")
	return []answered{
		{&registry.CheckpointNotFoundError{LogLength: 77}, "fetch checkpoint names", 404, entity(404, "logLength", 77)},
		{&registry.CheckpointNotFoundError{LogLength: 5}, "proof inclusion", 404, entity(404, "logLength", 5)},
		{&registry.CheckpointNotFoundError{LogLength: 5}, "verify leaves", 404, "{\"status\":404,\"message\":\"checkpoint log length `5` was not found\"}"},
		{&registry.LogNotFoundError{LogID: logID}, "fetch names publish record upload", 404, entity(404, "log", logID)},
		{&registry.FetchTokenNotFoundError{Token: "tok"}, "fetch", 404, entity(404, "fetchToken", "tok")},
		{&registry.InvalidError{Reason: reason}, everything, 400, message(400)},
		{&registry.TooLargeError{Reason: reason}, everything, 413, message(413)},

		{&registry.WaitingError{Reason: reason}, everything, 429, message(429)},
		{&registry.WaitingError{Reason: reason, All: true}, everything, 503, message(503)},

		{&registry.NoNoteError{Log: "records"}, "note", 404, `{"status":404,"message":"there is no checkpoint of the records log yet"}`},
		{&registry.NoNoteError{Log: "records", Cosigned: true}, "note", 503, `{"status":503,"message":"no checkpoint of the records log has been cosigned by the quorum of witnesses that this registry asks for"}`},
		{&registry.ReleaseNotFoundError{Version: "1.0.0", LogLength: 7}, "release", 404,
			"{\"status\":404,\"message\":\"release `1.0.0` of package `` is not in the records log as of its newest signed checkpoint, of 7 records; ask again if it was published a moment ago\"}"},
		{&registry.LogFileNotFoundError{Log: "records", Path: "tile/0/000"}, "tile", 404, "{\"status\":404,\"message\":\"the log \\\"records\\\" has no file `tile/0/000`, or has not grown so far\"}"},

		{&registry.RecordNotFoundError{RecordID: recordID}, "publish record upload", 404, entity(404, "record", recordID)},
		{registry.ErrRecordNotSourcing, "upload", 405, `{"status":405}`},
		{&registry.NamespaceNotDefinedError{Namespace: "foo"}, "publish", 404, entity(404, "namespace", "foo")},
		{&registry.NamespaceImportedError{Namespace: "foo"}, "publish", 409, entity(409, "namespaceImport", "foo")},
		{&registry.UnauthorizedError{Reason: reason}, "publish", 401, message(401)},
		{&registry.ConflictPendingPublishError{RecordID: recordID}, "publish", 409, entity(409, "record", recordID)},
		{&registry.RejectionError{Reason: reason}, "publish upload", 422, message(422)},

		{&registry.ContentNotFoundError{Digest: digest}, "content file", 404, entity(404, "contentDigest", digest)},
		{&registry.WithheldError{Statement: withheld.Statement{Digest: digest, Time: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Reason: reason, Reference: "https://example.com/order"}}, "content file upload", 451,
			fmt.Sprintf(`{"status":451,"message":"content %s is withheld by the operator of this registry since 2026-11-26: a \"reason\" <é> (https://example.com/order)"}`, digest)},
		{&registry.ContentLostError{Digest: digest}, "content file", 503, fmt.Sprintf("{\"status\":503,\"message\":\"content `%s` belongs to a published record and is missing from the content store of this registry; `warg publish release` of the same file, or its operator from a backup, brings it back\"}", digest)},

		{&registry.LeafNotFoundError{Index: 6}, "proof inclusion", 404, entity(404, "leaf", 6)},
		{&registry.IncorrectProofError{Root: digest, Found: recordID}, "proof inclusion", 422,
			fmt.Sprintf(`{"status":422,"reason":"incorrectProof","root":"%s","found":"%s"}`, digest, recordID)},
		{&registry.BundleError{Reason: reason}, "proof inclusion", 422, `{"status":422,"reason":"failure","message":"a \"reason\" <é>"}`},

		{&registry.UpstreamError{Domain: "a.example", Reason: reason, Err: secret}, everything, 502,
			"{\"status\":502,\"message\":\"registry `a.example` did not prove what it answered, so that this registry does not pass it on: a \\\"reason\\\" <é>\"}"},
		{&registry.LoopError{Domain: "a.example", Err: secret}, everything, 508,
			"{\"status\":508,\"message\":\"registry `a.example` is asked by way of registries that name each other in a circle, which their operators have to break\"}"},
		{&registry.ReadOnlyError{Domain: "a.example", URL: "https://a.example"}, "fetch content proof ledger", 501,
			"{\"status\":501,\"message\":\"registry `a.example` is served here for reading only; publish to it at https://a.example\"}"},
		{registry.ErrOverloaded, everything, 503, `{"status":503,"message":"the registry is overloaded; try again later"}`},
		{&registry.UnavailableError{Part: "the database", Err: secret}, everything, 503,
			`{"status":503,"message":"the database is not available at the moment; try again later"}`},
		{&registry.UnavailableError{Part: "Trillian", Reason: "it is starting", Err: context.DeadlineExceeded}, everything, 503,
			`{"status":503,"message":"Trillian is not available at the moment (it is starting); try again later"}`},
		{&registry.StorageFullError{Part: "the content store", Err: secret}, everything, 507,
			`{"status":507,"message":"the content store of this registry is full; its operator has to make room"}`},
		{context.DeadlineExceeded, everything, 503, `{"status":503,"message":"the request took too long; try again later"}`},
		{errors.New("the disk is on fire"), everything, 500, internal},
		// An error of one API has no form in another.
		{&registry.LeafNotFoundError{Index: 6}, "fetch publish content ledger", 500, internal},
	}
}

func TestErrors(t *testing.T) {
	for _, c := range errorTable() {
		for _, endpoint := range strings.Fields(c.on) {
			t.Run(fmt.Sprintf("%T/%s", c.err, endpoint), func(t *testing.T) {
				r, ok := requests()[endpoint]
				if !ok {
					t.Fatalf("no endpoint %s", endpoint)
				}
				s := newServer(t, &fake{err: fmt.Errorf("somewhere: %w", c.err)}, httpapi.Options{})
				w := s.do(r.method, r.path, r.body)
				expect(t, w, c.status, c.body)
				equal(t, "logged as an error", strings.Contains(s.log.String(), "level=ERROR"), c.status == 500)
				away := has[*registry.UnavailableError](c.err) || has[*registry.StorageFullError](c.err)
				equal(t, "logged with its cause", strings.Contains(s.log.String(), c.err.Error()), c.status == 500 || away)
				equal(t, "told when to try again", w.Header().Get("Retry-After") != "", c.status == 503 || c.status == 429)
			})
		}
	}
}

func has[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// The table above has every error that package registry declares.
func TestEveryErrorIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, c := range errorTable() {
		known[strings.TrimPrefix(fmt.Sprintf("%T", c.err), "*registry.")] = true
		switch c.err {
		case registry.ErrRecordNotSourcing:
			known["ErrRecordNotSourcing"] = true
		case registry.ErrOverloaded:
			known["ErrOverloaded"] = true
		}
	}
	declared := regexp.MustCompile(`(?m)^(?:type |\t)([A-Z]\w+Error) struct|^\t?(?:var )?(Err[A-Z]\w+) +=`)
	files, err := filepath.Glob("../registry/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			found++
			if name := match[1] + match[2]; !known[name] {
				t.Errorf("%s of %s is not in the table", name, file)
			}
		}
	}
	if found < 18 {
		t.Errorf("found only %d errors", found)
	}
}

func TestGoodRequestsAreGood(t *testing.T) {
	for name, r := range requests() {
		s := newServer(t, &fake{names: []reader.NamedLog{{LogID: logID, Name: "foo:bar"}}}, httpapi.Options{})
		s.fake.checkpoint.Signature = envelope.Signature
		if w := s.do(r.method, r.path, r.body); w.Code >= 300 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	s := newServer(t, &fake{panicWith: "a mistake"}, httpapi.Options{})
	expect(t, s.do("POST", "/v1/fetch/logs", `{"logLength":1}`), 500, internal)
	if log := s.log.String(); !strings.Contains(log, "a mistake") || !strings.Contains(log, "fake_test.go") {
		t.Errorf("log without reason or place: %s", log)
	}
	s = newServer(t, &fake{panicWith: http.ErrAbortHandler}, httpapi.Options{})
	defer func() { equal(t, "panic", recover(), any(http.ErrAbortHandler)) }()
	s.do("GET", "/v1/ledger", "")
}

// The operator's log says which part failed a request, how, and why.
func TestTroubleOfPartsIsLogged(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&registry.UnavailableError{Part: registry.PartDatabase, Err: errors.New("no route")}, `msg="a part of the registry is away"`},
		{&registry.StorageFullError{Part: registry.PartContents, Err: errors.New("no space left")}, `msg="a part of the registry is full"`},
	} {
		s := newServer(t, &fake{err: test.err}, httpapi.Options{})
		for range 3 { // the others within the minute are counted, see sparselog
			s.do("GET", "/v1/fetch/checkpoint", "")
		}
		if log := s.log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, test.want) || !strings.Contains(log, test.err.Error()) {
			t.Errorf("%v: the log has %s", test.err, log)
		}
	}
}

// A client that gave up is no error of the server.
func TestGoneClientIsNotLogged(t *testing.T) {
	s := newServer(t, &fake{err: context.Canceled}, httpapi.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest("GET", "/v1/fetch/checkpoint", nil).WithContext(ctx)
	s.http.ServeHTTP(httptest.NewRecorder(), r)
	equal(t, "log", s.log.String(), "")
}
