package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func uploadPath() string {
	return fmt.Sprintf("/v1/package/%s/record/%s/content/%s", logID, recordID, digest)
}

// stored is a registry that has the content of each upload, and reads no more.
type stored struct{ *fake }

func (stored) UploadContent(context.Context, protocol.Hash, protocol.Hash, protocol.Hash, io.Reader) error {
	return nil
}

// counted counts what is read of a body, and whether its end was seen.
type counted struct {
	io.Reader
	bytes int
	ended bool
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.bytes += n
	c.ended = c.ended || err == io.EOF
	return n, err
}

func (s *server) upload(body io.Reader, length int64) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", uploadPath(), body)
	r.ContentLength = length
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	return w
}

// Content that is there already is read to its end before the answer, too.
func TestUploadOfStoredContent(t *testing.T) {
	observed := &watcher{}
	s := newServer(t, &fake{}, httpapi.Options{})
	s.http = httpapi.New(stored{s.fake}, httpapi.Options{MaxContent: 1000, Observer: observed})
	for _, length := range []int64{1000, -1} {
		body := &counted{Reader: strings.NewReader(strings.Repeat("x", 1000))}
		equal(t, "status", s.upload(body, length).Code, 201)
		equal(t, "read to its end", body.ended, true)
	}
	equal(t, "bytes received", observed.received, 2000)
	body := &counted{Reader: strings.NewReader(strings.Repeat("x", 100_000))}
	expect(t, s.upload(body, -1), 413, `{"status":413,"message":"content is larger than 1000 bytes, the most that this registry accepts"}`)
	if body.bytes > 50_000 {
		t.Errorf("%d bytes of a body that is too large were read", body.bytes)
	}
}

// What is too large by its Content-Length is not read at all.
func TestTooLargeByLength(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{MaxContent: 1000, MaxBody: 1000})
	body := &counted{Reader: strings.NewReader(strings.Repeat("x", 1001))}
	expect(t, s.upload(body, 1001), 413, `{"status":413,"message":"content is larger than 1000 bytes, the most that this registry accepts"}`)
	equal(t, "bytes read of content", body.bytes, 0)
	if s.fake.asked != nil {
		t.Errorf("the registry was asked %v", s.fake.asked)
	}
	r := httptest.NewRequest("POST", "/v1/fetch/logs", body)
	r.ContentLength = 1001
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	equal(t, "status of a JSON body", w.Code, 413)
	equal(t, "bytes read of a JSON body", body.bytes, 0)
}

// A turn is taken when the content has come, and given back whatever becomes of it.
func TestUploadTurns(t *testing.T) {
	gate := limits.NewGate("uploads", 1, 10*time.Millisecond)
	f := &fake{}
	s := newServer(t, f, httpapi.Options{Limits: httpapi.Limits{Uploading: gate, Addresses: proxied}})
	client := limits.ClientOf(context.Background())

	body, feed := io.Pipe() // an upload that is under way
	done := make(chan int)
	go func() { done <- s.upload(body, -1).Code }()
	fmt.Fprint(feed, "some")
	for range 3 {
		equal(t, "beside one that is under way", s.do("POST", uploadPath(), "content").Code, 201)
	}
	feed.Close()
	equal(t, "then that one", <-done, 201)

	leave, err := gate.Enter(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	w := s.do("POST", uploadPath(), "content")
	equal(t, "one too many", w.Code, 503)
	equal(t, "Retry-After", w.Header().Get("Retry-After"), "2")
	leave()
	for _, err := range []error{nil, &registry.RejectionError{Reason: "x"}, errors.New("x"), nil} {
		f.err = err
		if w := s.do("POST", uploadPath(), "content"); w.Code == 503 {
			t.Errorf("no turn after the one before")
		}
	}
	f.err, f.panicWith = nil, "a mistake"
	equal(t, "a panic", s.do("POST", uploadPath(), "content").Code, 500)
	f.panicWith = nil
	equal(t, "after a panic", s.do("POST", uploadPath(), "content").Code, 201)
}

// One address has so many uploads under way, and again when they have ended.
func TestUploadsUnderWay(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{Limits: httpapi.Limits{Addresses: limits.Addresses{}, Uploads: limits.NewSlots("uploads under way", 10, 2)}})
	for range 3 {
		var feeds []*io.PipeWriter
		done := make(chan int, 2)
		for range 2 {
			body, feed := io.Pipe()
			feeds = append(feeds, feed)
			go func() { done <- s.upload(body, -1).Code }()
			fmt.Fprint(feed, "some") // it is under way
		}
		w := s.do("POST", uploadPath(), "content")
		expect(t, w, 429, `{"status":429,"message":"too many uploads under way from your address at a time; try again when one of them has ended"}`)
		equal(t, "Retry-After", w.Header().Get("Retry-After"), "2")
		feeds[0].Close()
		feeds[1].CloseWithError(errors.New("the client is gone"))
		<-done
		<-done
	}
	equal(t, "afterwards", s.do("POST", uploadPath(), "content").Code, 201)
}

// Every answer keeps browsers from guessing what it is.
func TestNoSniff(t *testing.T) {
	f := &fake{}
	s := newServer(t, f, httpapi.Options{})
	check := func(what string, w *httptest.ResponseRecorder) {
		t.Helper()
		equal(t, what, w.Header().Get("X-Content-Type-Options"), "nosniff")
	}
	for name, r := range requests() {
		check(name, s.do(r.method, r.path, r.body))
	}
	check("an unknown path", s.do("GET", "/x", ""))
	check("a wrong method", s.do("PUT", "/v1/ledger", ""))
	check("another origin", s.do(http.MethodOptions, "/v1/ledger", ""))
	f.panicWith = "a mistake"
	check("a panic", s.do("GET", "/v1/ledger", ""))
}
