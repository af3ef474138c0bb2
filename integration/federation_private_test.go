package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// between is a proxy before a registry that notes the headers of what it is asked.
type between struct {
	url string

	mu      sync.Mutex
	headers []http.Header // guarded by mu
}

func startBetween(t *testing.T, registry string) *between {
	t.Helper()
	target, err := url.Parse(registry)
	if err != nil {
		t.Fatal(err)
	}
	b := &between{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.headers = append(b.headers, r.Header.Clone())
		b.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// values are those of a header, each once.
func (b *between) values(name string) (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.headers {
		all = append(all, strings.Join(h.Values(name), ", "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A private registry answers for another private one to its own readers only. Their tokens
// stay here; the other registry gets the one that its operator gave out.
func TestFederationOfPrivateRegistries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	theirs, ours := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	upstreamToken, authorToken := newToken(t, theirs, "home", "--read"), newToken(t, theirs, "author")
	readerToken := newToken(t, ours, "reader", "--read")
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(upstreamToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := startUpstream(t, "wasi", "--tokens-file", theirs)
	author := newPublisher(t, other.server)
	author.login(authorToken)
	author.release("wasi:secret", "1.0.0", module("secret"))

	seen := startBetween(t, other.url)
	other.url = seen.url
	home := startServer(t, "--imported-namespace", "wasi="+other.domain, "--tokens-file", ours,
		"--registries-file", registriesFile(t, other.entry("mode: proxy", "token-file: "+tokenFile)))
	c := newReader(t, home)
	if said := c.refused("download", "wasi:secret", "--output", "x"); !strings.Contains(said, "this registry is private") {
		t.Errorf("without a token: %s", said)
	}
	if status, body := askFor(t, home.url, other.domain); status != http.StatusUnauthorized {
		t.Errorf("without a token, by the header: %d %s", status, body)
	}
	if status, body := askFor(t, home.url+"/registries/"+other.domain, ""); status != http.StatusUnauthorized {
		t.Errorf("without a token, by the path: %d %s", status, body)
	}
	if len(seen.values("Authorization")) != 0 {
		t.Errorf("the other registry was asked for one without a token: %q", seen.values("Authorization"))
	}
	c.login(readerToken)
	if !bytes.Equal(c.download("wasi:secret"), module("secret")) {
		t.Error("the content differs")
	}
	if got := seen.values("Authorization"); !slices.Equal(got, []string{"Bearer " + upstreamToken}) {
		t.Errorf("the other registry got %q, want its own token", got)
	}
	if text := home.stderr.String(); strings.Contains(text, upstreamToken) || strings.Contains(text, readerToken) {
		t.Errorf("a token is in the log:\n%s", text)
	}
	if got := seen.values("Via"); len(got) != 1 || !strings.HasPrefix(got[0], "1.1 warg-") {
		t.Errorf("Via: %q", got)
	}
}

// Two registries that answer for a third by way of each other: a request ends.
func TestFederationLoop(t *testing.T) {
	t.Parallel()
	key, _ := newOperatorKey(t)
	const domain = "circle.example"
	entry := func(next string) string {
		return fmt.Sprintf("- domain: %s\n  url: %s/registries/%s\n  operator-key: %s\n  allow-private: true\n", domain, next, domain, key.Public())
	}
	// The address of the second is known when it runs; it is started again with its file.
	second := startServer(t)
	first := startServer(t, "--registries-file", registriesFile(t, entry(second.url)))
	second.stop(t)
	second.flags = append(second.flags, "--registries-file", registriesFile(t, entry(first.url)))
	second.start(t)

	status, body := askFor(t, first.url, domain)
	if status != http.StatusLoopDetected || !bytes.Contains(body, []byte("registry `circle.example` is asked by way of registries that name each other in a circle")) {
		t.Errorf("status %d: %s", status, body)
	}
	// A registry knows itself by the name that it gave.
	seen := startBetween(t, second.url)
	third := startServer(t, "--registries-file", registriesFile(t, entry(seen.url)))
	askFor(t, third.url, domain)
	via := seen.values("Via")
	if len(via) == 0 {
		t.Fatal("no request came")
	}
	for _, hops := range via {
		if n := strings.Count(hops, "warg-"); n > 4 {
			t.Errorf("a request came through %d registries: %s", n, hops)
		}
	}
	if status, body := askFor(t, third.url, domain, "Via", via[0]); status != http.StatusLoopDetected {
		t.Errorf("with its own name in Via: status %d: %s", status, body)
	}
}
