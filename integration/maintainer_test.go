package integration

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// maintainer is somebody with a home folder, a signing key in it, and an agent.
type maintainer struct {
	t       *testing.T
	home    string
	keyID   string
	address string // of the agent, host:port
	config  string // file with wkg's configuration, as the agent has said it
	token   string // file; "": the agent asks for none
	env     []string

	agent  *exec.Cmd
	exited chan error
	stderr *output
}

// newMaintainer makes a key for a registry, and starts an agent for it, with more variables
// in the environment.
func newMaintainer(t *testing.T, registry string, env ...string) *maintainer {
	t.Helper()
	m := newMaintainerWithoutKey(t)
	m.token, m.env = filepath.Join(m.home, "token"), env
	_, said, _ := strings.Cut(m.warg(0, "config", "--registry", registry, "--new-key"), "Key ID: ")
	m.keyID, _, _ = strings.Cut(said, "\n")
	m.start()
	return m
}

// newMaintainerWithoutKey is somebody who has not begun.
func newMaintainerWithoutKey(t *testing.T) *maintainer {
	m := &maintainer{t: t, home: t.TempDir(), stderr: new(output)}
	m.config = filepath.Join(m.home, "config.toml")
	t.Cleanup(func() {
		if m.agent != nil {
			m.stop(syscall.SIGTERM)
		}
		if t.Failed() {
			t.Logf("standard error of the agent:\n%s", m.stderr)
		}
	})
	return m
}

// start starts the agent; once more after stop, at the same address.
func (m *maintainer) start() {
	m.t.Helper()
	listen := "127.0.0.1:0"
	if m.address != "" {
		listen = m.address
	}
	args := []string{"agent", "--listen", listen}
	if m.token != "" {
		args = append(args, "--token-file", m.token)
	}
	m.agent = m.command(command(m.t, "warg"), args...)
	m.agent.Stderr = m.stderr
	stdout, err := m.agent.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.agent.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.exited = make(chan error, 1)
	said := make(chan string, 1)
	go func(agent *exec.Cmd, exited chan<- error) {
		var lines strings.Builder
		for r := bufio.NewReader(stdout); ; {
			line, err := r.ReadString('\n')
			lines.WriteString(line)
			if err != nil || strings.HasPrefix(line, "listening on ") {
				said <- lines.String()
				io.Copy(io.Discard, r)
				exited <- agent.Wait()
				return
			}
		}
	}(m.agent, m.exited)
	var lines string
	select {
	case lines = <-said:
	case <-time.After(startTimeout):
		m.t.Fatalf("the agent did not say within %v where it listens", startTimeout)
	}
	text, address, listening := strings.Cut(lines, "\nlistening on ")
	config, shell, _ := strings.Cut(text, "# In the shell:\n")
	if !listening || strings.Contains(shell, "_AUTH_BEARER=\"$(cat '"+m.token+"')\"") != (m.token != "") {
		m.t.Fatalf("the agent said %q", lines)
	}
	m.address = strings.TrimSpace(address)
	if err := os.WriteFile(m.config, []byte(config), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// stop ends the agent, by SIGTERM in good order.
func (m *maintainer) stop(how os.Signal) {
	m.t.Helper()
	agent := m.agent
	m.agent = nil
	if err := agent.Process.Signal(how); err != nil {
		m.t.Fatalf("the agent ended by itself: %v", err)
	}
	if err := <-m.exited; how == syscall.SIGTERM && err != nil {
		m.t.Errorf("the agent stopped with %v, want exit status 0", err)
	}
}

func (m *maintainer) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = m.home
	cmd.Env = []string{"HOME=" + m.home, "PATH=" + os.Getenv("PATH"), "RUST_BACKTRACE=0"}
	cmd.Env = append(cmd.Env, m.env...)
	return cmd
}

// warg runs this project's client, which must end with a status, and returns what it said.
func (m *maintainer) warg(status int, args ...string) string {
	m.t.Helper()
	return m.run(status, m.command(command(m.t, "warg"), args...))
}

// wkg runs wkg as the agent has told it to be configured.
func (m *maintainer) wkg(status int, args ...string) string {
	m.t.Helper()
	path, err := tools.Path("wkg-0.16.1")
	if err != nil {
		m.t.Fatal(err)
	}
	if path, err = filepath.Abs(path); err != nil {
		m.t.Fatal(err)
	}
	cmd := m.command(path, append(args, "--config", m.config)...)
	cmd.Env = append(cmd.Env, "WKG_CACHE_DIR="+m.t.TempDir()) // or it would not ask again
	if m.token != "" {
		cmd.Env = append(cmd.Env, m.tokenVariable()+"="+m.readToken())
	}
	return m.run(status, cmd)
}

func (m *maintainer) run(status int, cmd *exec.Cmd) string {
	m.t.Helper()
	said, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status {
		m.t.Fatalf("%s: exit status %d, %v, want %d\n%s", cmd.Args, got, err, status, said)
	}
	return string(said)
}

// wit builds a WIT package with wkg, and returns its file. filler is how many bytes it is
// made larger by.
func (m *maintainer) wit(version, text string, filler int) string {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "wit")
	if err := os.Mkdir(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "api.wit"), []byte("package example:api@"+version+";\n"+text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	file := filepath.Join(m.t.TempDir(), version+".wasm")
	m.wkg(0, "wit", "build", "--wit-dir", dir, "-o", file)
	if filler > 0 {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(section(custom, name("filler")+strings.Repeat("filler!\n", filler/8)))
			f.Close()
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	return file
}

// get gets a package with wkg, which must give the content of a file.
func (m *maintainer) get(what, want string) {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "gotten.wasm")
	m.wkg(0, "get", what, "-o", file)
	got, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	if published, err := os.ReadFile(want); err != nil || !bytes.Equal(got, published) {
		m.t.Errorf("wkg got %d bytes for %s, which are not those of %s, %v", len(got), what, want, err)
	}
}

// tokenVariable is the variable that wkg reads the agent's token from.
func (m *maintainer) tokenVariable() string {
	return "WKG_REGISTRY_" + strings.NewReplacer(".", "_", ":", "_").Replace(m.address) + "_AUTH_BEARER"
}

// readToken returns the token of the agent.
func (m *maintainer) readToken() string {
	m.t.Helper()
	token, err := os.ReadFile(m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// ask sends a request to the agent, with the token, and demands a status.
func (m *maintainer) ask(status int, method, path string, body []byte, headers ...string) (header http.Header, answer []byte) {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), method, "http://"+m.address+path, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+m.readToken())
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		m.t.Fatalf("%s %s: status %d, want %d, %v: %s", method, path, response.StatusCode, status, err, answer)
	}
	return response.Header, answer
}

// agentDir is the folder of uploads and content.
func (m *maintainer) agentDir() string {
	m.t.Helper()
	found := ""
	err := filepath.WalkDir(m.home, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "agent" {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		m.t.Fatalf("the agent has no folder below %s: %v", m.home, err)
	}
	return found
}
