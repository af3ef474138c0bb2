package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// watcher keeps what an observer is told.
type watcher struct {
	answered, refused []string
	received, served  int64
}

func (w *watcher) Answered(route string, status int, took time.Duration) {
	if took <= 0 {
		route = "took nothing: " + route
	}
	w.answered = append(w.answered, fmt.Sprint(status, " ", route))
}
func (w *watcher) Refused(reason string)       { w.refused = append(w.refused, reason) }
func (w *watcher) ContentReceived(bytes int64) { w.received += bytes }
func (w *watcher) ContentServed(bytes int64)   { w.served += bytes }

// Requests are told apart by the patterns that they match, never by what stands
// in their paths.
func TestObservedRoutes(t *testing.T) {
	w := &watcher{}
	s := newServer(t, &fake{content: []byte("0123456789")}, httpapi.Options{Observer: w})
	contentPath := "/content/" + strings.Replace(digest.String(), ":", "-", 1)
	upload := fmt.Sprintf("/v1/package/%s/record/%s/content/%s", logID, recordID, digest)
	for _, request := range []struct{ method, path, body, want string }{
		{"GET", "/v1/fetch/checkpoint", "", "200 GET /v1/fetch/checkpoint"},
		{"POST", upload, "twelve bytes", "201 POST /v1/package/{log}/record/{record}/content/{digest}"},
		{"GET", contentPath, "", "200 GET /content/{name}"},
		{"HEAD", contentPath, "", "200 GET /content/{name}"},
		{"GET", upload, "", "405 /v1/package/{log}/record/{record}/content/{digest}"},
		{"BREW", "/v1/fetch/checkpoint", "", "405 /v1/fetch/checkpoint"},
		{"GET", "/no/such/" + logID.String(), "", "404 /"},
		{"OPTIONS", "/v1/fetch/checkpoint", "", "200 none"},
	} {
		w.answered = nil
		s.do(request.method, request.path, request.body)
		equal(t, request.method+" "+request.path, strings.Join(w.answered, ", "), request.want)
	}
	equal(t, "bytes received", w.received, 12)
	equal(t, "bytes served", w.served, 10)
}

func TestObservedRefusals(t *testing.T) {
	w := &watcher{}
	f := &fake{}
	s := newServer(t, f, httpapi.Options{Observer: w})
	record := fmt.Sprintf("/v1/package/%s/record/%s", logID, recordID)
	seen := map[string]bool{}
	for _, test := range []struct {
		err  error
		want string
	}{
		{registry.ErrRecordNotSourcing, "not_sourcing"},
		{registry.ErrOverloaded, "overloaded"},
		{&registry.LogNotFoundError{}, "not_found"},
		{&registry.ConflictPendingPublishError{}, "conflict"},
		{&registry.NamespaceNotDefinedError{}, "namespace_not_defined"},
		{&registry.NamespaceImportedError{}, "namespace_imported"},
		{&registry.UnauthorizedError{}, "unauthorized"},
		{&registry.RejectionError{}, "rejected"},
		{fmt.Errorf("wrapped: %w", &registry.InvalidError{}), "invalid"},
		{&registry.BundleError{}, "no_proof"},
		{&registry.UpstreamError{}, "upstream"},
		{&registry.LoopError{}, "upstream"},
		{errors.New("disk on fire"), "internal"},
	} {
		w.refused = nil
		f.err = test.err
		s.do("GET", record, "")
		equal(t, fmt.Sprintf("%T", test.err), strings.Join(w.refused, ", "), test.want)
		seen[test.want] = true
	}
	w.refused = nil
	f.err, f.panicWith = nil, "help"
	s.do("GET", record, "")
	s.do("DELETE", record, "")
	s.do("POST", "/v1/fetch/logs", strings.Repeat(" ", httpapi.DefaultMaxBody+1))
	equal(t, "a panic, a wrong method, a large body", strings.Join(w.refused, ", "), "internal, unsupported, too_large")
	for reason := range seen {
		if !slices.Contains(httpapi.Reasons(), reason) {
			t.Errorf("%s is not among the reasons", reason)
		}
	}
}

// That a client goes away is not counted as an error of the registry.
func TestObservedClientGone(t *testing.T) {
	w := &watcher{}
	f := &fake{err: context.Canceled}
	handler := newServer(t, f, httpapi.Options{Observer: w}).http
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/v1/fetch/checkpoint", nil))
	equal(t, "answered", strings.Join(w.answered, ", "), "499 GET /v1/fetch/checkpoint")
	equal(t, "refused", strings.Join(w.refused, ", "), "client_gone")
}

// A request's id is in its answer and in each line about it.
func TestRequestIDs(t *testing.T) {
	var log strings.Builder
	f := &fake{err: errors.New("disk on fire")}
	handler := httpapi.New(f, httpapi.Options{
		Logger: slog.New(httpapi.LogRequestIDs(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	})
	ids := map[string]bool{}
	for _, test := range []struct {
		sent string
		kept bool
	}{
		{"", false},
		{"", false},
		{"7f3a.B-c_9", true},
		{strings.Repeat("x", 64), true},
		{strings.Repeat("x", 65), false},
		{"two words", false},
		{`"quoted"`, false},
		{"line\nbreak", false},
		{"größe", false},
	} {
		log.Reset()
		r := httptest.NewRequest("GET", "/v1/fetch/checkpoint", nil)
		if test.sent != "" {
			r.Header["X-Request-Id"] = []string{test.sent}
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		id := w.Header().Get("X-Request-Id")
		if id == "" || (id == test.sent) != test.kept {
			t.Errorf("sent %q, answered %q", test.sent, id)
		}
		if ids[id] {
			t.Errorf("%q was given twice", id)
		}
		ids[id] = true
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "disk on fire") || !strings.Contains(lines[1], "msg=request") {
			t.Errorf("logged %q", lines)
		}
		for _, line := range lines {
			if !strings.Contains(line, "request_id="+id) {
				t.Errorf("%q does not have the id %s", line, id)
			}
		}
	}
}

// The pattern that a request matched reaches those around the handler.
func TestPatternReachesMiddleware(t *testing.T) {
	inner := newServer(t, &fake{}, httpapi.Options{}).http
	r := httptest.NewRequest(http.MethodGet, "/v1/fetch/checkpoint", nil)
	inner.ServeHTTP(httptest.NewRecorder(), r)
	equal(t, "pattern", r.Pattern, "GET /v1/fetch/checkpoint")
}
