package integration

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

// server is a registry's process and its data folder.
type server struct {
	url     string // http://HOST:PORT
	dataDir string

	verb    string // of the command; "": serve
	flags   []string
	process *exec.Cmd
	exited  chan error // gets what Wait returns
	stderr  *output

	end func() // of the reference server: ends it
}

// startServer starts a registry that defines the namespace example, in a data
// folder of its own. At the end of the test it must stop in good order.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	return startServerOn(t, t.TempDir(), flags...)
}

// startServerOn is startServer with a data folder that there may be already.
func startServerOn(t *testing.T, dataDir string, flags ...string) *server {
	t.Helper()
	s := &server{dataDir: dataDir, flags: flags}
	s.startIn(t)
	return s
}

// startIn starts a server for a test, at the end of which it must stop in good order.
func (s *server) startIn(t *testing.T) {
	t.Helper()
	s.stderr = new(output)
	t.Cleanup(func() {
		if s.process != nil {
			s.stop(t)
		}
		if t.Failed() {
			t.Logf("standard error of the server at %s:\n%s", s.url, s.stderr)
		}
	})
	s.start(t)
}

// start starts the server; once more after stop or kill, at the same address,
// by which clients know it.
func (s *server) start(t *testing.T) {
	t.Helper()
	listen := "127.0.0.1:0"
	if s.url != "" {
		listen = strings.TrimPrefix(s.url, "http://")
	}
	args := append([]string{cmp.Or(s.verb, "serve"), "--data-dir", s.dataDir, "--listen", listen, "--namespace", "example"}, s.flags...)
	process := exec.Command(command(t, "warg-personality"), args...)
	process.Stderr = s.stderr
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	s.process, s.exited = process, make(chan error, 1)
	line := make(chan string, 1)
	go func(exited chan<- error) {
		r := bufio.NewReader(stdout)
		first, _ := r.ReadString('\n')
		line <- first
		io.Copy(io.Discard, r)
		exited <- process.Wait()
	}(s.exited)

	select {
	case first := <-line:
		address, ok := strings.CutPrefix(first, "listening on ")
		if !ok {
			t.Fatalf("the server printed %q, want its address", first)
		}
		s.url = "http://" + strings.TrimSpace(address)
	case <-time.After(startTimeout):
		t.Fatalf("the server did not say within %v where it listens", startTimeout)
	}
}

// stop asks the server to stop, and waits until it has.
func (s *server) stop(t *testing.T) {
	t.Helper()
	process := s.process
	s.process = nil
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("the server ended by itself: %v", err)
	}
	select {
	case err := <-s.exited:
		if err != nil {
			t.Errorf("the server stopped with %v, want exit status 0", err)
		}
	case <-time.After(stopTimeout):
		t.Errorf("the server did not stop within %v; its goroutines are below", stopTimeout)
		process.Process.Signal(syscall.SIGQUIT)
		<-s.exited
	}
}

// kill ends the server at once, as a crash does.
func (s *server) kill(t *testing.T) {
	t.Helper()
	process := s.process
	s.process = nil
	if err := process.Process.Kill(); err != nil {
		t.Fatalf("the server ended by itself: %v", err)
	}
	<-s.exited
}

// output collects what a process writes. Safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
