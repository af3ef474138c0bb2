package session

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// However much a registry answers, few bytes of it are kept, the latest ones.
func TestRecorderIsBounded(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 3<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}))
	defer server.Close()
	r := &recorder{base: http.DefaultTransport}
	c := &http.Client{Transport: r}
	for range 20 {
		response, err := c.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	size := 0
	all := r.last()
	for _, e := range all {
		size += len(e.Response)
	}
	if size > maxKeptInAll || len(all) < 4 || len(all[len(all)-1].Response) != len(body) {
		t.Errorf("%d exchanges with %d bytes are kept", len(all), size)
	}
	for range 3 * maxExchanges {
		response, err := c.Head(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if got := len(r.last()); got != maxExchanges {
		t.Errorf("%d exchanges are kept, want %d", got, maxExchanges)
	}
}
