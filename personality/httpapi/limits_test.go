package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// The test's requests come from this network, the documentation's.
var proxied = limits.Addresses{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}

const (
	good = "X-Forwarded-For: 198.51.100.1"
	bad  = "X-Forwarded-For: 198.51.100.2"
)

func TestAddressRate(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{Limits: httpapi.Limits{Addresses: proxied, Requests: limits.NewRate[netip.Prefix]("requests", 1)}})
	for range 10 {
		equal(t, "status", s.do("GET", "/v1/ledger", "", bad).Code, 200)
	}
	refused := s.do("GET", "/v1/ledger", "", bad)
	expect(t, refused, 429, `{"status":429,"message":"too many requests; wait 1s and try again"}`)
	equal(t, "Retry-After", refused.Header().Get("Retry-After"), "1")
	equal(t, "another client", s.do("GET", "/v1/ledger", "", good).Code, 200)
	equal(t, "health", s.do("GET", "/healthz", "", bad).Code, 200)
	equal(t, "the proxy itself", s.do("GET", "/v1/ledger", "").Code, 200)
}

// Who is wrong too often is not served any more, and nobody else suffers.
func TestFailureRate(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{Limits: httpapi.Limits{Addresses: proxied, Failures: limits.NewRate[netip.Prefix]("wrong requests", 1)}})
	for range 10 {
		equal(t, "garbage", s.do("POST", "/v1/fetch/logs", "{", bad).Code, 400)
		equal(t, "right", s.do("GET", "/v1/ledger", "", good).Code, 200)
	}
	equal(t, "more garbage", s.do("POST", "/v1/fetch/logs", "{", bad).Code, 429)
	equal(t, "nothing else either", s.do("GET", "/v1/ledger", "", bad).Code, 429)
	for range 20 {
		equal(t, "still right", s.do("GET", "/v1/ledger", "", good).Code, 200)
	}
}

// Only what a key signed counts for it: not what is refused, and not what
// everybody can post again.
func TestKeyRate(t *testing.T) {
	f := &fake{}
	s := newServer(t, f, httpapi.Options{Limits: httpapi.Limits{Records: limits.NewRate[protocol.KeyID]("records", 1)}})
	path := fmt.Sprintf("/v1/package/%s/record", logID)
	post := func(status registry.State, err error, want int) {
		t.Helper()
		f.status, f.err = registry.RecordStatus{State: status}, err
		equal(t, "status", s.do("POST", path, publishBody()).Code, want)
	}
	for range 20 {
		post(0, &registry.UnauthorizedError{Reason: "not signed by it"}, 401)
		post(registry.Published, nil, 202)
	}
	for range 10 {
		post(registry.Processing, nil, 202)
	}
	post(registry.Processing, nil, 429)
}

// blocked makes everything that the registry is asked wait.
type blocked struct {
	*fake
	entered chan struct{}
	release chan struct{}
}

func (b *blocked) Publish(ctx context.Context, logID protocol.Hash, name protocol.PackageName, env protocol.Envelope) (registry.RecordStatus, error) {
	b.entered <- struct{}{}
	select {
	case <-b.release:
	case <-ctx.Done():
		return registry.RecordStatus{}, ctx.Err()
	}
	return registry.RecordStatus{State: registry.Processing}, nil
}

func newBlocked(t *testing.T, o httpapi.Limits) (*server, *blocked) {
	b := &blocked{&fake{}, make(chan struct{}, 10), make(chan struct{})}
	s := newServer(t, b.fake, httpapi.Options{})
	s.http = httpapi.New(b, httpapi.Options{Limits: o})
	return s, b
}

// While as many records are posted as may be, reading goes on.
func TestPublishingGate(t *testing.T) {
	s, b := newBlocked(t, httpapi.Limits{
		Publishing: limits.NewGate("records being posted", 1, 10*time.Millisecond),
		Reading:    limits.NewGate("fetches", 1, 10*time.Millisecond),
	})
	path := fmt.Sprintf("/v1/package/%s/record", logID)
	done := make(chan int)
	go func() { done <- s.do("POST", path, publishBody()).Code }()
	<-b.entered
	refused := s.do("POST", path, publishBody())
	expect(t, refused, 503, `{"status":503,"message":"too many records being posted at the moment; try again in a few seconds"}`)
	equal(t, "Retry-After", refused.Header().Get("Retry-After"), "2")
	equal(t, "fetch", s.do("POST", "/v1/fetch/logs", `{"logLength":1}`).Code, 200)
	close(b.release)
	equal(t, "the first one", <-done, 202)
	equal(t, "and then another", s.do("POST", path, publishBody()).Code, 202)
}

func TestRequestTime(t *testing.T) {
	s, _ := newBlocked(t, httpapi.Limits{RequestTime: 10 * time.Millisecond})
	w := s.do("POST", fmt.Sprintf("/v1/package/%s/record", logID), publishBody())
	expect(t, w, 503, `{"status":503,"message":"the request took too long; try again later"}`)
	equal(t, "Retry-After", w.Header().Get("Retry-After"), "1")
}

// heldUp is a connection whose client takes nothing until it is released.
type heldUp struct {
	*httptest.ResponseRecorder
	writing chan struct{}
	release chan struct{}
}

func (h *heldUp) Write(b []byte) (int, error) {
	h.writing <- struct{}{}
	<-h.release
	return h.ResponseRecorder.Write(b)
}

// A request has no turn while its body comes, nor while its answer goes.
func TestTurnsAreForWork(t *testing.T) {
	one := func(what string) *limits.Gate { return limits.NewGate(what, 1, 10*time.Millisecond) }
	f := &fake{names: []reader.NamedLog{{LogID: logID, Name: "foo:bar"}}, content: []byte("content"), leaves: []protocol.LogLeaf{{}}, note: []byte("note"), file: []byte("tile")}
	f.checkpoint.Signature = envelope.Signature
	s := newServer(t, f, httpapi.Options{VKeys: map[tlog.Log][]string{tlog.Records: {"key"}}, Limits: httpapi.Limits{Publishing: one("records"), Reading: one("fetches"), Uploading: one("uploads")}})
	for name, r := range requests() {
		t.Run(name, func(t *testing.T) {
			want := s.do(r.method, r.path, r.body).Code
			slow := httptest.NewRequest(r.method, r.path, nil)
			slow.Header.Set("Content-Type", "application/json")
			body, feed := io.Pipe()
			slow.Body, slow.ContentLength = body, -1
			w := &heldUp{httptest.NewRecorder(), make(chan struct{}, 100), make(chan struct{})}
			done := make(chan struct{})
			go func() {
				s.http.ServeHTTP(w, slow)
				close(done)
			}()
			if r.body != "" {
				io.WriteString(feed, r.body[:1]) // it is being read
				equal(t, "beside a body that comes", s.do(r.method, r.path, r.body).Code, want)
				io.WriteString(feed, r.body[1:])
				feed.Close()
			}
			if name != "upload" { // its answer has no body
				<-w.writing
				equal(t, "beside an answer that goes", s.do(r.method, r.path, r.body).Code, want)
			}
			close(w.release)
			<-done
			equal(t, "the slow one", w.Code, want)
		})
	}
}
