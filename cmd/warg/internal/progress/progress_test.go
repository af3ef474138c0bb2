package progress

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Transfers are shown when they take longer than a second, either way, and not before.
func TestProgress(t *testing.T) {
	t.Parallel()
	const mega = 1 << 20
	content := bytes.Repeat([]byte{1}, 4*mega)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.Copy(io.Discard, r.Body)
		if err != nil || r.Method == http.MethodPost && got != int64(len(content)) {
			t.Errorf("sent %d bytes: %v", got, err)
		}
		if r.URL.Path != "/chunked" {
			w.Header().Set("Content-Length", "4194304")
		}
		w.Write(content)
	}))
	t.Cleanup(server.Close)

	for _, c := range []struct {
		method, path string
		pace         time.Duration // by which the clock advances at each look
		shows        string        // "" for nothing
	}{
		{http.MethodGet, "/", 0, ""},
		{http.MethodGet, "/", 150 * time.Millisecond, " of 4.0 MiB, "},
		{http.MethodGet, "/chunked", 150 * time.Millisecond, " MiB, "},
		{http.MethodPost, "/", 150 * time.Millisecond, " of 4.0 MiB"},
	} {
		var shown bytes.Buffer
		transport := New(http.DefaultTransport, &shown)
		clock := newClock(c.pace)
		transport.now = clock
		var body io.Reader
		if c.method == http.MethodPost {
			body = bytes.NewReader(content)
		}
		request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s %s: read %d bytes, %v", c.method, c.path, len(got), err)
		}
		response.Body.Close()
		transport.mu.Lock()
		text := shown.String()
		transport.mu.Unlock()
		switch {
		case c.shows == "" && text != "":
			t.Errorf("a short transfer showed %q", text)
		case c.shows != "" && !strings.Contains(text, c.shows):
			t.Errorf("%s %s: showed %q, want %q", c.method, c.path, text, c.shows)
		case c.shows != "" && !strings.HasSuffix(text, " \r"):
			t.Errorf("%s %s: the line was not removed: %q", c.method, c.path, text[max(0, len(text)-100):])
		}
	}
}

// newClock is a clock that advances whenever it is looked at. It may be used by several
// goroutines.
func newClock(pace time.Duration) func() time.Time {
	var looked atomic.Int64
	began := time.Now()
	return func() time.Time { return began.Add(time.Duration(looked.Add(1)) * pace) }
}

func TestBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		done, of int64
		want     string
	}{
		{0, 100 << 20, "[                              ] sent 0.0 of 100.0 MiB, 0.0 MiB/s"},
		{50 << 20, 100 << 20, "[###############               ] sent 50.0 of 100.0 MiB, 25.0 MiB/s"},
		{200 << 20, 100 << 20, "[##############################] sent 200.0 of 100.0 MiB, 100.0 MiB/s"},
		{3 << 20, -1, "sent 3.0 MiB, 1.5 MiB/s"},
	} {
		if got := bar("sent", c.done, c.of, 2*time.Second); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
