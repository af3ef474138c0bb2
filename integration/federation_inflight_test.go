package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// halfway is a proxy before a registry that holds back the second half of contents.
type halfway struct {
	url     string
	reached chan struct{} // gets one for each content of which the first half was sent
	release chan struct{} // each content waits for one
}

func startHalfway(t *testing.T, registry string) *halfway {
	t.Helper()
	h := &halfway{reached: make(chan struct{}), release: make(chan struct{})}
	target, err := url.Parse(registry)
	must(t, err)
	others := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/content/") {
			others.ServeHTTP(w, r)
			return
		}
		status, body, err := request(r.Context(), http.MethodGet, registry+r.URL.Path, "", nil)
		if err != nil || status != http.StatusOK {
			http.Error(w, fmt.Sprint(status, err), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		h.reached <- struct{}{}
		<-h.release
		w.Write(body[len(body)/2:])
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// A content that is under way when the registries file removes its registry, or says something
// else of it, comes to its end; and broken files keep no request from its answer.
func TestReloadKeepsRequestsInFlight(t *testing.T) {
	t.Parallel()
	other := startUpstream(t, "wasi")
	newPublisher(t, other.server).release("wasi:one", "1.0.0", module("one"))
	slow := startHalfway(t, other.url)
	other.url = slow.url
	file := registriesFile(t, other.entry("mode: proxy"))
	write := func(text string) {
		t.Helper()
		must(t, os.WriteFile(file, []byte(text), 0o600))
	}
	home := startServer(t, "--registries-file", file)
	content := home.url + "/registries/" + other.domain + "/content/" + strings.Replace(protocol.HashOf(module("one")).String(), ":", "-", 1)
	for what, entries := range map[string]string{"removed": "", "changed": "registries:\n" + other.entry("mode: proxy", "namespaces: [wasi]")} {
		write("registries:\n" + other.entry("mode: proxy"))
		home.reload(t)
		type answer struct {
			status int
			body   []byte
			err    error
		}
		came := make(chan answer, 1)
		go func() {
			status, body, err := request(t.Context(), http.MethodGet, content, "", nil)
			came <- answer{status, body, err}
		}()
		select {
		case <-slow.reached:
		case a := <-came:
			t.Fatalf("status %d, %v: %s", a.status, a.err, a.body)
		}
		write(entries)
		home.reload(t)
		slow.release <- struct{}{}
		if a := <-came; a.err != nil || a.status != http.StatusOK || !bytes.Equal(a.body, module("one")) {
			t.Errorf("of a registry that was %s meanwhile: status %d, %d bytes, %v", what, a.status, len(a.body), a.err)
		}
	}

	write("registries:\n" + other.entry("mode: proxy"))
	home.reload(t)
	done := make(chan struct{})
	var asking sync.WaitGroup
	for _, domain := range []string{"", other.domain} {
		asking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if status, body := askFor(t, home.url, domain); status != http.StatusOK {
					t.Errorf("registry %q, request %d: status %d: %s", domain, n, status, body)
					return
				}
			}
		})
	}
	for _, broken := range []string{"registries: [", other.entry("mode: proxy"), "registries:\n" + other.entry("mode: none"), "\x00"} {
		write(broken)
		home.reloadFails(t)
	}
	close(done)
	asking.Wait()
}
