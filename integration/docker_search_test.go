package integration

import (
	"context"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkSearch checks that the pages and the discovery API work through the proxy, that each
// personality has its index in its own volume and answers from it, and that one of them may
// be killed and started again while people search.
func (s *dockerStack) checkSearch(t *testing.T, pkg string) {
	proxy := s.registry(t)
	waitIndexed(t, proxy)
	for _, path := range []string{"/", "/packages/" + pkg} {
		if page := proxy.page(t, path); !strings.Contains(page, pkg) {
			t.Errorf("the page %s does not name %s: %s", path, pkg, page)
		}
	}
	helper := s.container(t, "trillian-log-server").Image // has a shell's commands
	for _, name := range []string{"personality-1", "personality-2"} {
		s.awaitFound(t, name, pkg)
		if said := docker(t, "run", "--rm", "--network", "none", "--volume", s.name+"_"+name+":/volume:ro", helper, "ls", "/volume"); !strings.Contains(said, "discovery.sqlite") {
			t.Errorf("the volume of %s has no index of packages: %s", name, said)
		}
	}
	for _, name := range []string{"personality-1", "personality-2"} {
		s.killWhileSearching(t, name, pkg)
	}
}

// killWhileSearching kills a personality, and searches through the proxy until the engine has
// started it again and it is ready: each search finds the package.
func (s *dockerStack) killWhileSearching(t *testing.T, name, pkg string) {
	t.Helper()
	before := s.container(t, name)
	if err := syscall.Kill(before.State.Pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v; this test runs as root on the engine's machine", name, err)
	}
	searched := 0
	ended := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if status, said := s.search(t, s.registry(t), pkg); status != http.StatusOK || !strings.Contains(said, pkg) {
				t.Errorf("after %s was killed and %d searches, one has status %d: %s", name, searched, status, said)
				return
			}
			searched++
			time.Sleep(50 * time.Millisecond)
		}
	}()
	defer func() { stop(); <-ended; t.Logf("%d searches while %s was away", searched, name) }()
	within(t, restart, name+" runs again and is healthy", func() bool {
		c := s.container(t, name)
		return c.RestartCount > before.RestartCount && c.State.Health.Status == "healthy"
	})
	time.Sleep(forgiven) // the proxy sends searches to it again
	s.awaitFound(t, name, pkg)
}

// awaitFound waits until a search at one personality, past the proxy, finds a package.
func (s *dockerStack) awaitFound(t *testing.T, name, pkg string) {
	t.Helper()
	own := &server{url: "http://" + s.container(t, name).NetworkSettings.Networks[s.name+"_front"].IPAddress + ":8090"}
	within(t, takeover, name+" finds "+pkg, func() bool {
		status, said := s.search(t, own, pkg)
		return status == http.StatusOK && strings.Contains(said, pkg)
	})
}

// search asks for packages by the words of a name.
func (s *dockerStack) search(t *testing.T, at *server, pkg string) (status int, said string) {
	t.Helper()
	status, body, err := request(context.Background(), http.MethodGet, at.url+"/v1/discovery/packages?search="+strings.ReplaceAll(pkg, ":", "+"), "", nil)
	if err != nil {
		t.Error(err)
	}
	return status, string(body)
}
