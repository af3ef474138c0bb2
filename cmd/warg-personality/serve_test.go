package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestServe runs the real thing: it starts, answers, reloads, stops, and at
// the second start has the same operator key.
func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	var keys [2][]byte
	for i := range keys {
		cmd := program(t, nil, "serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--namespace", "example")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n')
		address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on 127.0.0.1:")
		if !ok || address == "0" {
			t.Fatalf("printed %q (%v); standard error: %s", line, err, stderr.String())
		}
		response, err := http.Get("http://127.0.0.1:" + address + "/v1/fetch/checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("fetch/checkpoint: %s", response.Status)
		}
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // two signals at once arrive in any order
		}
		rest, err := io.ReadAll(stdout)
		if waitErr := cmd.Wait(); waitErr != nil || err != nil || len(rest) > 0 {
			t.Errorf("ended with %v; printed %q more (%v); standard error: %s", waitErr, rest, err, stderr.String())
		}
		if !strings.Contains(stderr.String(), "reloaded") {
			t.Errorf("SIGHUP did nothing; standard error: %s", stderr.String())
		}
		if keys[i], err = os.ReadFile(filepath.Join(data, "operator.key")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(keys[0], keys[1]) {
		t.Error("the second start made another operator key")
	}
}

// A tokens file that has become a pipe fails the reload, and the server goes on.
func TestReloadIsNotHeldByPipe(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, nil, "serve", "--listen", "127.0.0.1:0", "--tokens-file", tokens)
	messages, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(tokens), syscall.Mkfifo(tokens, 0o600), cmd.Process.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	failed := false
	for lines := bufio.NewScanner(messages); !failed && lines.Scan(); { // ends when the program is killed
		failed = strings.Contains(lines.Text(), "reload failed") && strings.Contains(lines.Text(), "is a pipe")
	}
	if !failed {
		t.Fatal("the reload did not fail")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, messages)
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// probe is a registry that only says when it runs, and is ready when told.
type probe struct {
	running atomic.Bool
	ready   atomic.Bool
	fail    chan error
	reloads atomic.Int32
}

func (p *probe) Run(ctx context.Context) error {
	p.running.Store(true)
	defer p.running.Store(false)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-p.fail:
		return err
	}
}

func (p *probe) Ready(context.Context) error {
	if !p.ready.Load() {
		return errors.New("no checkpoint yet")
	}
	return nil
}

func (p *probe) Reload() error {
	if p.reloads.Add(1) == 1 {
		return errors.New("first reload fails")
	}
	return nil
}

// started is serve under way.
type started struct {
	registry *probe
	signals  chan os.Signal
	address  string
	ended    chan error
}

func start(t *testing.T, handler http.Handler) *started {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &started{&probe{fail: make(chan error)}, make(chan os.Signal), listener.Addr().String(), make(chan error, 1)}
	printed, output := io.Pipe()
	go func() {
		s.ended <- serve(s.registry, &http.Server{Handler: handler}, listener, s.signals, func() {},
			slog.New(slog.DiscardHandler), streams{stdout: output})
	}()
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(printed).ReadString('\n')
		lines <- line
	}()
	response, err := http.Get("http://" + s.address + "/early") // it answers already
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	select {
	case line := <-lines:
		t.Errorf("printed %q before the registry was ready", line)
	case <-time.After(4 * readyPoll):
		s.registry.ready.Store(true)
		if line, want := <-lines, fmt.Sprintf("listening on %s\n", s.address); line != want {
			t.Fatalf("printed %q, want %q", line, want)
		}
	}
	return s
}

func (s *started) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("did not end")
		return nil
	}
}

// A request that is under way when the signal comes is answered, by a registry
// that still works.
func TestDrain(t *testing.T) {
	arrived, goOn := make(chan bool), make(chan bool)
	var s *started
	s = start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/early" {
			return
		}
		arrived <- true
		<-goOn
		fmt.Fprint(w, s.registry.running.Load())
	}))
	answer := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + s.address)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answer <- fmt.Sprint(string(body), err)
	}()
	<-arrived
	s.signals <- syscall.SIGTERM
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // until it takes no more
		connection, err := net.Dial("tcp", s.address)
		if err != nil {
			break
		}
		connection.Close()
		if time.Now().After(deadline) {
			t.Fatal("still listening")
		}
	}
	close(goOn)
	if got := <-answer; got != "true<nil>" {
		t.Errorf("the request under way got %s", got)
	}
	if err := s.end(t); err != nil {
		t.Errorf("ended with %v", err)
	}
	if s.registry.running.Load() {
		t.Error("the registry still runs")
	}
}

func TestFatalErrorEnds(t *testing.T) {
	s := start(t, http.NotFoundHandler())
	fatal := errors.New("the log is broken")
	s.registry.fail <- fatal
	if err := s.end(t); !errors.Is(err, fatal) {
		t.Errorf("ended with %v", err)
	}
	s = start(t, http.NotFoundHandler())
	s.registry.fail <- nil
	if err := s.end(t); err == nil {
		t.Error("a registry that stops by itself is no error")
	}
}

// A reload that fails changes nothing; the server goes on.
func TestReload(t *testing.T) {
	s := start(t, http.NotFoundHandler())
	s.signals <- syscall.SIGHUP
	s.signals <- syscall.SIGHUP
	s.signals <- syscall.SIGTERM
	if err := s.end(t); err != nil || s.registry.reloads.Load() != 2 {
		t.Errorf("%d reloads, ended with %v", s.registry.reloads.Load(), err)
	}
}
