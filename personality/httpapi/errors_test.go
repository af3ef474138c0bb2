package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

const internal = `{"status":500,"message":"an error occurred while processing the request"}`

// request is one good request of an endpoint.
type request struct{ method, path, body string }

func requests() map[string]request {
	record := fmt.Sprintf("/v1/package/%s/record", logID)
	return map[string]request{
		"fetch":      {"POST", "/v1/fetch/logs", `{"logLength":1}`},
		"names":      {"POST", "/v1/fetch/names", fmt.Sprintf(`{"packages":["%s"]}`, logID)},
		"checkpoint": {"GET", "/v1/fetch/checkpoint", ""},
		"ledger":     {"GET", "/v1/ledger", ""},
		"leaves":     {"GET", "/v1/ledger/records/0", ""},
		"publish":    {"POST", record, publishBody()},
		"record":     {"GET", record + "/" + recordID.String(), ""},
		"upload":     {"POST", record + "/" + recordID.String() + "/content/" + digest.String(), "x"},
		"content":    {"GET", "/v1/content/" + digest.String(), ""},
		"file":       {"GET", "/content/" + strings.Replace(digest.String(), ":", "-", 1), ""},
		"inclusion":  {"POST", "/v1/proof/inclusion", `{"logLength":1,"leafs":[0]}`},
		"proof":      {"POST", "/v1/proof/consistency", `{"from":1,"to":2}`},
		"verify": {"POST", "/v1/verify/checkpoint", fmt.Sprintf(
			`{"contents":{"logRoot":"%s","logLength":3,"mapRoot":"%[1]s","timestamp":1},"keyId":"k","signature":"%s"}`, logID, envelope.Signature)},
	}
}

func TestErrors(t *testing.T) {
	reason := `a "reason" <é>`
	message := func(status int) string { return fmt.Sprintf(`{"status":%d,"message":"a \"reason\" <é>"}`, status) }
	entity := func(status int, kind string, id any) string {
		if n, ok := id.(int); ok {
			return fmt.Sprintf(`{"status":%d,"type":"%s","id":%d}`, status, kind, n)
		}
		return fmt.Sprintf(`{"status":%d,"type":"%s","id":"%s"}`, status, kind, id)
	}
	for _, c := range []struct {
		err    error
		on     string // endpoints
		status int
		body   string
	}{
		{&registry.CheckpointNotFoundError{LogLength: 77}, "fetch checkpoint names", 404, entity(404, "logLength", 77)},
		{&registry.LogNotFoundError{LogID: logID}, "fetch", 404, entity(404, "log", logID)},
		{&registry.FetchTokenNotFoundError{Token: "tok"}, "fetch", 404, entity(404, "fetchToken", "tok")},
		{&registry.InvalidError{Reason: reason}, "fetch publish upload proof inclusion content verify", 400, message(400)},

		{&registry.LogNotFoundError{LogID: logID}, "publish record upload", 404, entity(404, "log", logID)},
		{&registry.RecordNotFoundError{RecordID: recordID}, "record upload", 404, entity(404, "record", recordID)},
		{registry.ErrRecordNotSourcing, "upload", 405, `{"status":405}`},
		{&registry.NamespaceNotDefinedError{Namespace: "foo"}, "publish", 404, entity(404, "namespace", "foo")},
		{&registry.NamespaceImportedError{Namespace: "foo"}, "publish", 409, entity(409, "namespaceImport", "foo")},
		{&registry.UnauthorizedError{Reason: reason}, "publish", 401, message(401)},
		{&registry.ConflictPendingPublishError{RecordID: recordID}, "publish", 409, entity(409, "record", recordID)},
		{&registry.RejectionError{Reason: reason}, "publish upload", 422, message(422)},

		{&registry.ContentNotFoundError{Digest: digest}, "content file", 404, entity(404, "contentDigest", digest)},

		{&registry.CheckpointNotFoundError{LogLength: 5}, "proof inclusion", 404, entity(404, "logLength", 5)},
		{&registry.LeafNotFoundError{Index: 6}, "inclusion", 404, entity(404, "leaf", 6)},
		{&registry.IncorrectProofError{Root: digest, Found: recordID}, "inclusion", 422,
			fmt.Sprintf(`{"status":422,"reason":"incorrectProof","root":"%s","found":"%s"}`, digest, recordID)},
		{&registry.BundleError{Reason: reason}, "proof", 422, `{"status":422,"reason":"failure","message":"a \"reason\" <é>"}`},

		{registry.ErrOverloaded, "fetch publish upload proof content ledger verify", 503,
			`{"status":503,"message":"the registry is overloaded; try again later"}`},
		{errors.New("the disk is full"), "fetch names checkpoint ledger leaves publish record upload content file inclusion proof verify", 500, internal},
		// An error of one API has no form in another.
		{&registry.LeafNotFoundError{Index: 6}, "fetch publish content ledger", 500, internal},
	} {
		for _, endpoint := range strings.Fields(c.on) {
			t.Run(fmt.Sprintf("%T/%s", c.err, endpoint), func(t *testing.T) {
				r, ok := requests()[endpoint]
				if !ok {
					t.Fatalf("no endpoint %s", endpoint)
				}
				s := newServer(t, &fake{err: fmt.Errorf("somewhere: %w", c.err)}, httpapi.Options{})
				w := s.do(r.method, r.path, r.body)
				expect(t, w, c.status, c.body)
				equal(t, "logged", strings.Contains(s.log.String(), c.err.Error()), c.status == 500)
				equal(t, "told when to try again", w.Header().Get("Retry-After") != "", c.status == 503)
			})
		}
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

// A client that gave up is no error of the server.
func TestGoneClientIsNotLogged(t *testing.T) {
	s := newServer(t, &fake{err: context.Canceled}, httpapi.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest("GET", "/v1/fetch/checkpoint", nil).WithContext(ctx)
	s.http.ServeHTTP(httptest.NewRecorder(), r)
	equal(t, "log", s.log.String(), "")
}
