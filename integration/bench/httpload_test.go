package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Answers with a length and in chunks are read to their ends, one after the other on
// one connection; another status is an error with what was answered.
func TestLeanConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/length":
			w.Write(body)
		case "/chunks":
			for range 3 {
				w.Write([]byte(strings.Repeat("x", 5000)))
				http.NewResponseController(w).Flush()
			}
		case "/refused-in-chunks":
			w.WriteHeader(http.StatusTooManyRequests)
			w.Write([]byte("come back "))
			http.NewResponseController(w).Flush()
			w.Write([]byte("later"))
		default:
			http.Error(w, "there is no such thing", http.StatusNotFound)
		}
	}))
	defer server.Close()
	l, err := dialLean(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.conn.Close()
	for range 3 {
		if n, err := l.post("length", []byte("{}")); n != 2 || err != nil {
			t.Errorf("with a length: %d bytes, %v", n, err)
		}
		if n, err := l.post("chunks", nil); n != 15_000 || err != nil {
			t.Errorf("in chunks: %d bytes, %v", n, err)
		}
	}
	if _, err := l.post("refused-in-chunks", nil); err == nil || !strings.Contains(err.Error(), "429 Too Many Requests: come back later") {
		t.Errorf("another status, in chunks: %v", err)
	}
	if _, err := l.post("other", nil); err == nil || !strings.Contains(err.Error(), "there is no such thing") {
		t.Errorf("another status: %v", err)
	}
	c := newClient(server.Listener.Addr().String())
	if _, err := c.ask(t.Context(), 3, 0, nil); err == nil {
		t.Error("without time no request is made, and that is no error")
	}
	r, err := c.ask(t.Context(), 3, 50*time.Millisecond, func(int, int) (string, []byte) { return "length", []byte("{}") })
	if err != nil || len(r.took) < 3 || r.bytes != 2*int64(len(r.took)) {
		t.Errorf("%d requests, %d bytes, %v", len(r.took), r.bytes, err)
	}
}
