// Package liar makes lying registries of a real one, for tests of those who are to find
// out: a proxy that changes what the real one answers, and a copy of its logs that can be
// changed and signed anew by the keys of its operator.
package liar

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Answer is what a registry answers to a request.
type Answer struct {
	Method, Path string // Path begins with a slash
	Request      []byte // body of the request
	Status       int
	Header       http.Header
	Body         []byte
}

// Liar is a registry that answers like another one, but for its lies. Safe for
// concurrent use.
type Liar struct {
	URL string

	mu      sync.Mutex
	files   map[string][]byte // guarded by mu; what is answered to a GET; nil: 404
	changes []func(*Answer)   // guarded by mu
}

// Start starts a liar in front of the registry at a URL. It ends with the test.
func Start(t testing.TB, registry string) *Liar {
	t.Helper()
	target, err := url.Parse(registry)
	if err != nil {
		t.Fatal(err)
	}
	l := &Liar{files: map[string][]byte{}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = l.modify
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.serve(proxy, w, r) }))
	t.Cleanup(server.Close)
	l.URL = server.URL
	return l
}

// Serve answers a GET of a path with these bytes from now on; nil: with 404.
func (l *Liar) Serve(path string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[path] = body
}

// Change has f change each answer of the real registry.
func (l *Liar) Change(f func(*Answer)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, f)
}

// ChangePath has f change the bodies of the answers with status 200 whose path begins in
// some way.
func (l *Liar) ChangePath(prefix string, f func(body []byte) []byte) {
	l.Change(func(a *Answer) {
		if a.Status == http.StatusOK && strings.HasPrefix(a.Path, prefix) {
			a.Body = f(a.Body)
		}
	})
}

// Honest ends all lies.
func (l *Liar) Honest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files, l.changes = map[string][]byte{}, nil
}

type requestBody struct{}

func (l *Liar) serve(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	body, lied := l.files[r.URL.Path]
	l.mu.Unlock()
	switch {
	case lied && r.Method == http.MethodGet && body == nil:
		http.NotFound(w, r)
		return
	case lied && r.Method == http.MethodGet:
		w.Header().Set("Content-Type", contentType(r.URL.Path))
		w.Write(body)
		return
	}
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	for _, name := range []string{"Accept-Encoding", "If-None-Match"} { // an answer to change is whole
		r.Header.Del(name)
	}
	proxy.ServeHTTP(w, r.WithContext(contextWith(r.Context(), sent)))
}

func contentType(path string) string {
	switch {
	case strings.HasPrefix(path, "/v1/"):
		return "application/json"
	case strings.HasSuffix(path, "/checkpoint"):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func (l *Liar) modify(response *http.Response) error {
	l.mu.Lock()
	changes := l.changes
	l.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body.Close()
	a := &Answer{
		Method: response.Request.Method, Path: response.Request.URL.Path, Request: bodyOf(response.Request.Context()),
		Status: response.StatusCode, Header: response.Header, Body: body,
	}
	for _, change := range changes {
		change(a)
	}
	response.StatusCode, response.Status = a.Status, http.StatusText(a.Status)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(a.Body)), int64(len(a.Body))
	response.Header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	return nil
}
