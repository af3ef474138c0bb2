package session

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/client"
)

// A domain may say where its registry is, in the form of either client. What can not be
// read is passed over.
func TestFindAPI(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"wargUrl":"https://api.example.com"}`:                           "https://api.example.com/",
		`{"preferredProtocol":"oci","warg":{"url":"http://127.0.0.1:9"}}`: "http://127.0.0.1:9/",
		`{"wargUrl":null,"warg":{"url":"https://api.example.com/"}}`:      "https://api.example.com/",
		`{"wargUrl":"http://api.example.com"}`:                            "",
		`{"warg":"https://api.example.com"}`:                              "",
		`nonsense`:                                                        "",
		`{}`:                                                              "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/wasm-pkg/registry.json" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			io.WriteString(w, document)
		}))
		if want == "" {
			want = server.URL + "/"
		}
		if got := findAPI(t.Context(), server.Client(), server.URL+"/", time.Minute); got != want {
			t.Errorf("%s: %s, want %s", document, got, want)
		}
		server.Close()
	}
	// A domain with TLS does not lead to a place without.
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"wargUrl":"http://127.0.0.1:9"}`)
	}))
	t.Cleanup(secure.Close)
	if got := findAPI(t.Context(), secure.Client(), secure.URL+"/", time.Minute); got != secure.URL+"/" {
		t.Errorf("from https to %s", got)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	if got := findAPI(t.Context(), gone.Client(), gone.URL+"/", time.Minute); got != gone.URL+"/" {
		t.Errorf("without a document: %s", got)
	}
	gone.Close()
	if got := findAPI(t.Context(), gone.Client(), gone.URL+"/", time.Minute); got != gone.URL+"/" {
		t.Errorf("without an answer: %s", got)
	}
}

// The recorder keeps the last exchanges in JSON and text, bounded, without queries, and
// no content.
func TestRecorder(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := map[string]string{"/json": "application/json", "/note": "text/plain; charset=utf-8", "/large": "application/json"}[r.URL.Path]
		if kind == "" {
			kind = "application/wasm"
		}
		w.Header().Set("Content-Type", kind)
		if r.URL.Path == "/large" {
			io.WriteString(w, strings.Repeat("x", maxKept+1))
			return
		}
		io.WriteString(w, "answer")
	}))
	t.Cleanup(server.Close)
	r := &recorder{base: http.DefaultTransport}
	ask := func(path string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path+"?secret", strings.NewReader("question"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer secret")
		response, err := r.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	for _, path := range []string{"/json", "/note", "/content", "/large"} {
		ask(path)
	}
	for i, want := range []exchange{
		{Response: "answer", URL: "/json"}, {Response: "answer", URL: "/note"}, {URL: "/content"},
		{Response: strings.Repeat("x", maxKept), URL: "/large", CutOff: true},
	} {
		want.Method, want.URL, want.Request, want.Status = http.MethodPost, server.URL+want.URL, "question", http.StatusOK
		if got := r.last()[i]; got != want {
			t.Errorf("exchange %d is %.300v, want %.300v", i, got, want)
		}
	}
	for range maxExchanges {
		ask("/json")
	}
	if got := r.last(); len(got) != maxExchanges || got[0].URL != server.URL+"/json" {
		t.Errorf("%d exchanges are kept, the first %v", len(got), got[0])
	}
}

// Only what was not proved has evidence, and once.
func TestExplain(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	s, err := Flags{Registry: gone.URL}.Open(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if other := errors.New("other"); s.Explain(other) != other || s.Explain(nil) != nil {
		t.Error("other errors do not stay as they are")
	}
	lie := &client.VerificationError{Registry: gone.URL, Claim: client.ClaimHead, Err: errors.New("why")}
	explained := s.Explain(lie)
	var kept *EvidenceError
	if !errors.As(explained, &kept) || !errors.Is(explained, lie) || !strings.HasPrefix(kept.File, home) {
		t.Fatalf("%v", explained)
	}
	if again := s.Explain(explained); again != explained {
		t.Errorf("explained twice: %v", again)
	}
}
