package integration

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	compose "github.com/compose-spec/compose-go/v2/types"
)

// stack is the project of docker-compose.yml, run without Docker.
type stack struct {
	project    *compose.Project
	dir        string // all that belongs to it; every user may read it
	containers map[string]*container
	addresses  map[string]string // by the names that services have in their networks
	names      *regexp.Regexp    // these names, see serviceNames
}

// notPackaged are services that cannot be run here.
var notPackaged = []string{"grafana"}

// newStack makes the folder of a stack, with empty volumes. What still runs at
// the end of the test is killed.
func newStack(t *testing.T) *stack {
	t.Helper()
	dir, err := os.MkdirTemp("", "compose") // t.TempDir's names can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &stack{project: loadCompose(t), dir: dir, containers: map[string]*container{}, addresses: map[string]string{}}
	if err := errors.Join(
		os.Chmod(dir, 0o755),
		os.Mkdir(filepath.Join(dir, "bin"), 0o755),
		copyTo("../.cache/tools/trillian/storage.sql", filepath.Join(dir, "storage.sql"), 0o644),
	); err != nil {
		t.Fatalf("%v\nrun `make tools`", err)
	}
	s.addPrograms(t)
	network := freeNetwork(t)
	for i, name := range slices.Sorted(slices.Values(s.project.ServiceNames())) {
		service, ip := s.project.Services[name], fmt.Sprintf("%s.%d", network, 10+i)
		s.containers[name] = newContainer(t, s, service, ip)
		s.addresses[name] = ip
		for _, n := range service.Networks {
			if n != nil {
				for _, alias := range n.Aliases {
					s.addresses[alias] = ip
				}
			}
		}
	}
	s.names = serviceNames(slices.Collect(maps.Keys(s.addresses)))
	for _, c := range s.containers {
		c.copyMounts(t)
	}
	t.Cleanup(func() {
		for name, c := range s.containers {
			if c.process != nil {
				c.kill(t)
			}
			if t.Failed() {
				t.Logf("what %s wrote:\n%s", name, c.output)
			}
		}
	})
	return s
}

// freeNetwork returns the first three numbers of addresses on loopback that
// nobody else uses: other tests may run.
func freeNetwork(t *testing.T) string {
	t.Helper()
	for i := range 200 {
		network := fmt.Sprintf("127.%d.%d", 100+os.Getpid()%100, (os.Getpid()/100+i)%200)
		if l, err := net.Listen("tcp", network+".10:8090"); err == nil {
			l.Close()
			return network
		}
	}
	t.Fatal("no addresses on loopback are free")
	return ""
}

// up starts what does not run, in order, and waits until the proxy has found out that
// a personality is ready: it asks once a second.
func (s *stack) up(t *testing.T) {
	t.Helper()
	done := map[string]bool{}
	var begin func(name string)
	begin = func(name string) {
		if done[name] || slices.Contains(notPackaged, name) {
			return
		}
		done[name] = true
		c := s.containers[name]
		for dependency := range c.service.DependsOn {
			begin(dependency)
		}
		if c.process == nil {
			c.begin(t)
		}
	}
	for _, name := range s.project.ServiceNames() {
		begin(name)
	}
	proxy := &server{url: s.url("proxy", 8080)}
	within(t, 30*time.Second, "the proxy has a personality that is ready", func() bool {
		status, _ := proxy.ask(t, http.MethodGet, "/readyz", nil)
		return status == http.StatusOK
	})
}

// down stops all services, those first that need the others.
func (s *stack) down(t *testing.T) {
	t.Helper()
	for {
		var last []*container
		for _, c := range s.containers {
			if c.process != nil && !s.isNeeded(c) {
				last = append(last, c)
			}
		}
		if len(last) == 0 {
			return
		}
		var group sync.WaitGroup
		for _, c := range last {
			group.Go(func() { c.stop(t) })
		}
		group.Wait()
	}
}

// isNeeded says whether a service that runs depends on c, itself or by way of
// others, such as jobs that have ended.
func (s *stack) isNeeded(c *container) bool {
	for _, other := range s.containers {
		if _, needs := other.service.DependsOn[c.service.Name]; needs && (other.process != nil || s.isNeeded(other)) {
			return true
		}
	}
	return false
}

// url is where a port of a service is reached.
func (s *stack) url(service string, port int) string {
	return fmt.Sprintf("http://%s:%d", s.containers[service].ip, port)
}

// path is where containers find programs.
func (s *stack) path() string {
	return filepath.Join(s.dir, "bin") + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin"
}

// addPrograms puts what the images have where each user may run it: this
// project's commands, Caddy, Trillian's and the witness's as they are built for the
// tests, and wget of busybox. Others are Debian's.
func (s *stack) addPrograms(t *testing.T) {
	t.Helper()
	for name, source := range map[string]string{
		"warg-personality":    command(t, "warg-personality"),
		"caddy":               caddyPath,
		"trillian_log_server": "../.cache/tools/bin/trillian_log_server",
		"trillian_log_signer": "../.cache/tools/bin/trillian_log_signer",
		"omniwitness":         "../.cache/tools/bin/omniwitness",
		"generate_keys":       "../.cache/tools/bin/generate_keys",
		"wget":                lookPath(t, "busybox"),
	} {
		if err := copyTo(source, filepath.Join(s.dir, "bin", name), 0o755); err != nil {
			t.Fatalf("%v\nrun `make tools`", err)
		}
	}
}

// program finds a program by its name, as in a container.
func (s *stack) program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(s.dir, "bin", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return lookPath(t, name)
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%s is not installed: run `make tools`", name)
		}
	}
	return path
}

func copyTo(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// runs are the names of the services that run.
func (s *stack) runs() []string {
	var names []string
	for name, c := range s.containers {
		if c.process != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// one returns the only element that a test is true of.
func one(t *testing.T, names []string, is func(string) bool) string {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !is(n) })
	if len(found) != 1 {
		t.Fatalf("of %s, want one, found %q", strings.Join(names, ", "), found)
	}
	return found[0]
}
