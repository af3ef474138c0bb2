package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// running is an agent that runs.
type running struct {
	listening
	log *said
}

// said is what a process has said so far.
type said struct {
	mu   sync.Mutex
	text strings.Builder // under mu
}

// Write implements [io.Writer].
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// startAgent starts `warg agent` with arguments, and returns what it says of itself when it
// listens. It ends with the test, in good order.
func (u *user) startAgent(args ...string) running {
	u.t.Helper()
	bound := u.command(append([]string{"agent", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	process := &exec.Cmd{Path: bound.Path, Args: bound.Args, Env: bound.Env, Dir: bound.Dir} // bound would be killed at the end
	said := new(said)
	process.Stderr = said
	stdout, err := process.StdoutPipe()
	must(u.t, err)
	must(u.t, process.Start())
	first, err := bufio.NewReader(stdout).ReadBytes('\n')
	u.t.Cleanup(func() {
		if err := process.Process.Signal(syscall.SIGTERM); err != nil {
			u.t.Errorf("the agent ended by itself: %v", err)
		}
		if err := process.Wait(); err != nil {
			u.t.Errorf("the agent ended with %v, want status 0:\n%s", err, said.String())
		}
	})
	must(u.t, err)
	var l listening
	if err := json.Unmarshal(first, &l); err != nil || !strings.Contains(string(first), `"type":"listening"`) {
		u.t.Fatalf("the agent says %q, %v", first, err)
	}
	return running{l, said}
}

// ask sends a request to an agent, and returns the status and the answer.
func ask(t *testing.T, method string, l running, path, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Address+path, nil)
	must(t, err)
	return answerTo(t, r, token)
}

// send sends a request with a body.
func send(t *testing.T, method string, l running, path, body, mediaType string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Address+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", mediaType)
	return answerTo(t, r, "")
}

func answerTo(t *testing.T, r *http.Request, token string) (int, string) {
	t.Helper()
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(body)
}

func TestAgentPublishesWithTheKeyOfTheUser(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	l := u.startAgent()
	if l.KeyID == nil || !strings.Contains(u.expect(exitDone, "", "key", "info"), string(*l.KeyID)) || strings.Join(l.Namespaces, " ") != "example other" {
		t.Errorf("the agent says %+v", l)
	}
	if status, body := ask(t, "POST", l, "/v2/example/a/blobs/uploads/", ""); status != http.StatusAccepted {
		t.Errorf("an upload: status %d, %s", status, body)
	}
}

func TestAgentWithoutAKey(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	author := newPublisher(t, r.url)
	author.release("example:a", "1.0.0", "content")
	for _, u := range []*user{newUser(t), author} {
		args := []string{"--registry", r.url}
		if u == author {
			args = []string{"--read-only"}
		}
		l := u.startAgent(args...)
		if status, body := ask(t, "POST", l, "/v2/example/a/blobs/uploads/", ""); l.KeyID != nil || status != http.StatusForbidden {
			t.Errorf("key %v, an upload: status %d, %s", l.KeyID, status, body)
		}
		if status, body := ask(t, "GET", l, "/v2/example/a/tags/list", ""); status != http.StatusOK || !strings.Contains(body, "1.0.0") {
			t.Errorf("tags: status %d, %s", status, body)
		}
	}
}

func TestAgentMakesAToken(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	file := filepath.Join(u.home, "some", "token")
	l := u.startAgent("--token-file", file)
	info, err := os.Stat(file)
	must(t, err)
	token := strings.TrimSpace(u.read("some/token"))
	if info.Mode().Perm() != 0o600 || len(token) < 20 {
		t.Errorf("the token file has mode %v and %d characters", info.Mode(), len(token))
	}
	if status, _ := ask(t, "GET", l, "/v2/", ""); status != http.StatusUnauthorized {
		t.Errorf("without the token: status %d", status)
	}
	if status, body := ask(t, "GET", l, "/v2/", token); status != http.StatusOK {
		t.Errorf("with the token: status %d, %s", status, body)
	}
	again := u.startAgent("--token-file", file) // beside the first, in the same folder
	if status, body := ask(t, "GET", again, "/v2/", token); status != http.StatusOK {
		t.Errorf("with the token at another agent: status %d, %s", status, body)
	}
}

func TestAgentWrongUse(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.expect(exitUsage, "loopback", "agent", "--listen", "0.0.0.0:0")
	u.expect(exitUsage, "loopback", "agent", "--listen", "example.com:80")
	u.expect(exitUsage, "one word", "agent", "--token-file", u.write("empty", "\n"))
	u.expect(exitUsage, "one word", "agent", "--token-file", u.write("two", "a b\n"))
	u.expect(exitUsage, "negative", "agent", "--keep-mib=-1")
	u.expect(exitUsage, "nothing.key", "agent", "--listen", "127.0.0.1:0", "--key-file", "nothing.key")
	u.expect(exitRefused, "127.0.0.1:1", "agent", "--listen", "127.0.0.1:0", "--registry", "http://127.0.0.1:1/")
}

// What is demanded of the registry elsewhere is demanded here.
func TestAgentDemandsWitnesses(t *testing.T) {
	t.Parallel()
	r, other := openRegistry(t), openRegistry(t)
	u := newPublisher(t, r.url)
	u.expect(exitUnverified, "VERIFICATION FAILED", "agent", "--listen", "127.0.0.1:0", "--policy", u.write("policy", "log "+other.vkey+"\nquorum none\n"))
	u.startAgent("--policy", u.write("right", "log "+r.vkey+"\nquorum none\n"))
}
