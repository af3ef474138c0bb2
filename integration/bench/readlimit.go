package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
)

// idle is a registry that has nothing to do. Only inclusions may be asked of it.
type idle struct{ httpapi.Registry }

func (idle) ProveInclusion(context.Context, uint64, []uint64) (logBundle, mapBundle []byte, err error) {
	return nil, nil, nil
}

// measureReadLimit measures what reads would cost if they cost nothing: a handler
// without work behind the middleware of the API, and answers that are kept as a whole,
// without it. The server is this program again, in a process of its own.
func measureReadLimit(ctx context.Context, s *settings, t *table) error {
	srv, r, err := s.startReads(ctx, "read-limit", min(s.packages, 100))
	if err != nil {
		return err
	}
	defer srv.stop()
	answers := map[string][]byte{}
	for _, ask := range []func([]byte) (string, []byte){r.logs, r.inclusion} {
		path, body := ask(nil)
		if answers["/"+path], err = srv.do(ctx, "POST", path, body, http.StatusOK); err != nil {
			return err
		}
	}
	file := filepath.Join(s.dir, "answers.json")
	text, err := json.Marshal(answers)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return err
	}
	for _, limit := range []struct {
		name, answers string
		kinds         []func([]byte) (string, []byte)
	}{
		{"an inclusion that proves nothing, behind the API's middleware", noAnswers, []func([]byte) (string, []byte){r.inclusion}},
		{"both in turn, answers kept as a whole, no middleware", file, []func([]byte) (string, []byte){r.logs, r.inclusion}},
	} {
		result, err := s.askLimit(ctx, r, limit.answers, limit.kinds...)
		if err != nil {
			return fmt.Errorf("%s: %w", limit.name, err)
		}
		t.add(fmt.Sprintf("at the limit: %s, %d connections", limit.name, manyConnections), "", "%v", result)
	}
	return nil
}

// keptAnswers answers each path with the same bytes.
func keptAnswers(answers map[string][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			return
		}
		answer := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	})
}

const (
	// limitVariable has this program serve the answers of a file, or what noAnswers
	// stands for.
	limitVariable = "BENCH_LIMIT_ANSWERS"
	noAnswers     = "none"
)

// idleServer is the API of a registry that has nothing to do, with the limits that a
// server has by default.
func idleServer() http.Handler {
	api := httpapi.New(idle{}, httpapi.Options{Limits: httpapi.Limits{
		Failures:    limits.NewRate[netip.Prefix]("wrong requests", 100),
		Reading:     limits.NewGate("fetches and proofs", 32, 5*time.Second),
		Memory:      limits.NewBudget(64<<20, 2*time.Second),
		RequestTime: 30 * time.Second,
	}})
	return limits.WholeBodies(limits.Pace{PerSecond: 4 << 10, Grace: 10 * time.Second}.Handler(api))
}

// serveLimit serves at the limit and says where. It ends with the process.
func serveLimit(answers string) error {
	handler := idleServer()
	if answers != noAnswers {
		text, err := os.ReadFile(answers)
		if err != nil {
			return err
		}
		var all map[string][]byte
		if err := json.Unmarshal(text, &all); err != nil {
			return err
		}
		handler = keptAnswers(all)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, handler)
}

// askLimit asks another process that serves at the limit.
func (s *settings) askLimit(ctx context.Context, r *reads, answers string, kinds ...func([]byte) (string, []byte)) (result loadResult, err error) {
	program, err := os.Executable()
	if err != nil {
		return result, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), limitVariable+"="+answers)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return result, err
	}
	if err := cmd.Start(); err != nil {
		return result, err
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait() // says that it was killed
	}()
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return result, fmt.Errorf("%s: %w", program, err)
	}
	return r.run(ctx, newClient(strings.TrimSpace(address)), manyConnections, s.readTime(), kinds...)
}
