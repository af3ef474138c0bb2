package integration

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// restart is when these tests give up waiting for a service that the engine starts again:
// MariaDB recovers, and the engine waits longer before each start.
const restart = 3 * time.Minute

// TestDocker builds the images, brings the stack up on a Docker engine, uses it as people
// do, looks at what each container may do, takes parts away from it, rolls it over to
// another image, and takes it down. `make test-docker` runs it.
func TestDocker(t *testing.T) {
	s := newDockerStack(t)
	volumes := allVolumes(t)
	if said := s.compose(t, "config", "--quiet"); said != "" {
		t.Errorf("the compose file is not clean: %s", said)
	}
	s.compose(t, "build")
	s.compose(t, "up", "--no-build", "--detach", "--wait", "--wait-timeout", "300")

	author := newPublisher(t, s.registry(t))
	author.release("example:hello", "1.0.0", emptyComponent())
	ours := author.ours()
	ours.release("example:hello", "1.1.0", module("ours"))
	reader := newReader(t, s.registry(t))
	if !bytes.Equal(reader.download("example:hello", "1.0.0"), emptyComponent()) || !bytes.Equal(reader.ours().download("example:hello"), module("ours")) {
		t.Error("the content downloaded is not that published")
	}
	t.Run("images", func(t *testing.T) { s.checkImages(t) })
	t.Run("confined", func(t *testing.T) { s.checkContainers(t) })
	t.Run("networks", func(t *testing.T) { s.checkReach(t) })
	t.Run("volumes", func(t *testing.T) { s.checkVolumes(t) })
	t.Run("watched", func(t *testing.T) { s.checkScraped(t) })
	t.Run("search", func(t *testing.T) { s.checkSearch(t, "example:hello") })
	t.Run("killed", func(t *testing.T) { s.checkKilled(t, author) })
	t.Run("rollover", func(t *testing.T) { s.checkRollover(t) })
	t.Run("backup and rebuild", func(t *testing.T) { s.checkDocumented(t) })

	length, key := s.registry(t).logLength(t), s.registry(t).operatorKey(t)
	s.compose(t, "down")
	if got := withoutNames(t, volumes); len(got) != 0 {
		t.Errorf("volumes without a name are left behind: %q", got)
	}
	s.compose(t, "up", "--no-build", "--detach", "--wait", "--wait-timeout", "300")
	if got := s.registry(t).logLength(t); got != length {
		t.Errorf("from full volumes, the log has %d records, want %d", got, length)
	}
	if got := s.registry(t).operatorKey(t); got != key {
		t.Errorf("from full volumes, checkpoints are signed by %s, want %s", got, key)
	}
	author.release("example:hello", "1.9.0", module("again"))
}

// allVolumes are the names of all volumes of the engine.
func allVolumes(t *testing.T) []string {
	t.Helper()
	return strings.Fields(docker(t, "volume", "ls", "--quiet"))
}

// withoutNames are the anonymous volumes that were made since.
func withoutNames(t *testing.T, before []string) []string {
	t.Helper()
	anonymous := strings.Fields(docker(t, "volume", "ls", "--quiet", "--filter", "label=com.docker.volume.anonymous"))
	return slices.DeleteFunc(anonymous, func(name string) bool { return slices.Contains(before, name) })
}

// checkKilled kills the first process of each service. The engine starts it again, and all
// is as before.
func (s *dockerStack) checkKilled(t *testing.T, author *client) {
	for i, name := range s.services() {
		before := s.container(t, name)
		// `docker kill` counts as a stop by hand, and nothing is started after that.
		if err := syscall.Kill(before.State.Pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s: %v; this test runs as root on the engine's machine", name, err)
		}
		within(t, restart, name+" runs again and is healthy", func() bool {
			c := s.container(t, name)
			return c.RestartCount > before.RestartCount && c.State.Status == "running" && c.State.Health.Status == "healthy"
		})
		proxy := s.registry(t)
		within(t, restart, "the registry is ready after "+name+" was killed", func() bool {
			status, err := get(proxy.url + "/readyz")
			return err == nil && status == http.StatusOK
		})
		time.Sleep(forgiven)
		author.release("example:killed", "1.0."+string(rune('0'+i)), module(name))
	}
	if got, want := len(s.registry(t).log(t, "example:killed")), len(s.services()); got != want {
		t.Errorf("%d records are published, want %d", got, want)
	}
}

// get asks, and says whether it was answered at all.
func get(url string) (status int, err error) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
