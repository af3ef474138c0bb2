package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// lateEnd is the body of a request whose end is seen a while after its last byte, and not at
// all once there is an answer: a server closes it then.
type lateEnd struct {
	rest     *strings.Reader
	answered <-chan struct{}
}

func (b *lateEnd) Read(p []byte) (int, error) {
	if b.rest.Len() > 0 {
		return b.rest.Read(p)
	}
	select {
	case <-b.answered:
		return 0, http.ErrBodyReadAfterClose
	case <-time.After(time.Second):
		return 0, io.EOF
	}
}

func (*lateEnd) Close() error { return nil }

// An answer that comes before the end of the request was seen is passed on whole.
func TestFrontPassesOnAnswersThatAreEarly(t *testing.T) {
	const size = 8 << 10 // more than what waits in a buffer
	answered := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, size)); err != nil {
			t.Error(err)
		}
		w.Write([]byte("begin "))
		http.NewResponseController(w).Flush()
		close(answered)
		time.Sleep(200 * time.Millisecond) // meanwhile a proxy that took it for broken closes the connection
		w.Write([]byte("end"))
	}))
	defer server.Close()
	front, err := newFront(server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	request.Body, request.ContentLength = &lateEnd{strings.NewReader(strings.Repeat("x", size)), answered}, size
	w := httptest.NewRecorder()
	front.Config.Handler.ServeHTTP(w, request)
	if got := w.Body.String(); got != "begin end" {
		t.Errorf("the answer is %q", got)
	}
}
