package main

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A registry that accepts a connection and keeps silent does not hang a command, wherever it
// does so. That it ends at all is what is shown: each wait is cut short to a moment here.
func TestSilentRegistry(t *testing.T) {
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:hello", "1.0.0", "first")
	settle(t, r, 2)
	released, unknown := u.write("released.wasm", "first"), u.write("unknown.wasm", "unknown")
	t.Setenv("HOME", u.home)
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	silent := ""
	ended := make(chan struct{})
	defer close(ended)
	url := serve(t, func(w http.ResponseWriter, request *http.Request) {
		if !strings.HasPrefix(request.URL.Path, silent) {
			r.handler.ServeHTTP(w, request)
			return
		}
		select {
		case <-request.Context().Done():
		case <-ended:
		}
	})
	for _, c := range []struct {
		silent string
		status int
		args   []string
	}{
		{"/.well-known/", exitDone, []string{"info", "example:hello"}}, // what is not there in time is not there
		{"/v1/", exitRefused, []string{"info", "example:hello"}},
		{"/content/", exitRefused, []string{"download", "example:hello", "-o", filepath.Join(u.home, "got.wasm")}},
		{"/tlog/", exitRefused, []string{"verify", filepath.Join(u.home, unknown)}},
		{"/tlog/", exitDone, []string{"verify", filepath.Join(u.home, released)}}, // which needs no search
		{"/v1/", exitRefused, []string{"agent", "--listen", "127.0.0.1:0"}},
	} {
		silent = c.silent
		var said bytes.Buffer
		args := append(c.args, "--registry", url)
		env := &environment{context: t.Context(), stdin: strings.NewReader(""), stdout: &said, stderr: &said, maxIdle: 300 * time.Millisecond}
		if got := run(args, env); got != c.status {
			t.Errorf("warg %s, silent at %s: status %d, want %d: %s", strings.Join(args, " "), silent, got, c.status, said.String())
		}
	}
}
