package client_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/client"
)

// refused demands that err says that a claim was not proved.
func refused(t *testing.T, err error, claim client.Claim) {
	t.Helper()
	if lie := as[*client.VerificationError](t, err); lie.Claim != claim {
		t.Errorf("refused for want of %q: %v; want %q", lie.Claim, err, claim)
	}
}

// lie serves a registry and gives each answer that succeeds to change, with the
// path and the request. It returns the URL.
func lie(t *testing.T, r *registry, change func(path string, request, answer []byte) []byte) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, request *http.Request) {
		asked, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		request.Body = io.NopCloser(bytes.NewReader(asked))
		answer := httptest.NewRecorder()
		r.handler.ServeHTTP(answer, request)
		body := answer.Body.Bytes()
		if answer.Code/100 == 2 {
			body = change(strings.TrimPrefix(request.URL.Path, "/"), asked, body)
		}
		w.WriteHeader(answer.Code)
		w.Write(body)
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func decode[T any, P interface {
	*T
	json.Unmarshaler
}](t *testing.T, body []byte) (v T) {
	t.Helper()
	if err := P(&v).UnmarshalJSON(body); err != nil {
		t.Errorf("answer %s: %v", body, err)
	}
	return v
}

func marshal(t *testing.T, v json.Marshaler) []byte {
	t.Helper()
	text, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readAll(t *testing.T, r io.Reader) []byte {
	t.Helper()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return all
}
