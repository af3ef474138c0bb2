package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/integration/tools"
	wargclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maintainer is somebody with a home folder, a signing key in it, and an agent.
type maintainer struct {
	t       *testing.T
	home    string
	keyID   string
	address string // of the agent, host:port
	config  string // file with wkg's configuration, as the agent has said it
	token   string // file

	agent  *exec.Cmd
	exited chan error
	stderr *output
}

// newMaintainer makes a key for a registry, and starts an agent for it.
func newMaintainer(t *testing.T, registry string) *maintainer {
	t.Helper()
	m := &maintainer{t: t, home: t.TempDir(), stderr: new(output)}
	m.config, m.token = filepath.Join(m.home, "config.toml"), filepath.Join(m.home, "token")
	_, said, _ := strings.Cut(m.warg(0, "config", "--registry", registry, "--new-key"), "Key ID: ")
	m.keyID, _, _ = strings.Cut(said, "\n")
	t.Cleanup(func() {
		if m.agent != nil {
			m.stop(syscall.SIGTERM)
		}
		if t.Failed() {
			t.Logf("standard error of the agent:\n%s", m.stderr)
		}
	})
	m.start()
	return m
}

// start starts the agent; once more after stop, at the same address.
func (m *maintainer) start() {
	m.t.Helper()
	listen := "127.0.0.1:0"
	if m.address != "" {
		listen = m.address
	}
	m.agent = m.command(command(m.t, "warg"), "agent", "--listen", listen, "--token-file", m.token)
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
	config, shell, ok := strings.Cut(lines, "# In the shell:\n")
	_, address, listening := strings.Cut(shell, "\nlistening on ")
	if !ok || !listening || !strings.Contains(shell, "_AUTH_BEARER=\"$(cat '"+m.token+"')\"") {
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
		token, err := os.ReadFile(m.token)
		if err != nil {
			m.t.Fatal(err)
		}
		variable := strings.NewReplacer(".", "_", ":", "_").Replace(m.address)
		cmd.Env = append(cmd.Env, "WKG_REGISTRY_"+variable+"_AUTH_BEARER="+strings.TrimSpace(string(token)))
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

const (
	firstWIT  = "interface doors { open: func(); } world house { export doors; import floors; } interface floors { count: func() -> u32; }"
	secondWIT = firstWIT + " interface windows { open: func(); }"
)

// What wkg pushes to the agent is signed and published, and what it gets was verified.
func TestAgent(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := newMaintainer(t, s.url)
	first := m.wit("1.0.0", firstWIT, 0)
	second := m.wit("1.1.0", secondWIT, 9<<20) // three chunks
	m.wkg(0, "publish", first)
	if said := m.wkg(1, "publish", first); !strings.Contains(said, "already exists") {
		t.Errorf("wkg said %s", said)
	}
	m.wkg(0, "publish", first, "--skip-semver-check") // pushes it again
	if said := m.wkg(1, "publish", second, "--package", "example:api@1.0.0", "--skip-semver-check"); !strings.Contains(said, "1.0.0") || !strings.Contains(said, "DENIED") && !strings.Contains(said, "record") {
		t.Errorf("another content of a version: wkg said %s", said)
	}
	m.wkg(0, "publish", second)
	m.checkReleases(s, first, second)
	m.sameConfig(s)
	m.get("example:api@1.0.0", first)
	m.get("example:api", second)

	m.stop(syscall.SIGKILL)
	m.start()
	m.get("example:api", second)
	m.warg(0, "publish", "yank", "--name", "example:api", "--version", "1.1.0", "--yes")
	m.get("example:api", first)
	if said := m.wkg(1, "get", "example:api@1.1.0", "-o", "./none.wasm"); !strings.Contains(said, "yanked") {
		t.Errorf("a yanked version: wkg said %s", said)
	}

	// Without the token it has nothing to say.
	if err := os.WriteFile(m.token, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.wkg(1, "get", "example:api@1.0.0", "-o", "./none.wasm")
}

// checkReleases demands of the registry that the files are released by the maintainer.
func (m *maintainer) checkReleases(s *server, files ...string) {
	m.t.Helper()
	c, err := wargclient.New(s.url, wargclient.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	n, err := protocol.ParsePackageName("example:api")
	if err != nil {
		m.t.Fatal(err)
	}
	p, err := c.Package(m.t.Context(), n)
	if err != nil {
		m.t.Fatal(err)
	}
	releases := slices.Collect(p.Releases())
	if len(releases) != len(files) {
		m.t.Fatalf("%d releases, want %d", len(releases), len(files))
	}
	for i, r := range releases {
		content, err := wargclient.ContentOfFile(files[i])
		if err != nil || r.Content != content.Digest.Any() || string(r.By) != m.keyID {
			m.t.Errorf("%s has content %s by %s, %v; the key is %s", r.Version, r.Content, r.By, err, m.keyID)
		}
	}
}

// sameConfig demands that the agent's manifests and configs are the registry's, byte for
// byte, and that they name what wkg named when it pushed.
func (m *maintainer) sameConfig(s *server) {
	m.t.Helper()
	token, err := os.ReadFile(m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	read := func(base, path string) []byte {
		r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, base+"/v2/example/api/"+path, nil)
		if err != nil {
			m.t.Fatal(err)
		}
		if base != s.url {
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			m.t.Fatal(err)
		}
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			m.t.Fatalf("%s%s: status %d, %v: %s", base, path, response.StatusCode, err, data)
		}
		return data
	}
	agent := "http://" + m.address
	var names []string
	for _, version := range []string{"1.0.0", "1.1.0"} {
		manifest := read(agent, "manifests/"+version)
		if direct := read(s.url, "manifests/"+version); !bytes.Equal(manifest, direct) {
			m.t.Errorf("%s: the agent's manifest is\n%s\nthe registry's\n%s", version, manifest, direct)
		}
		var parsed struct{ Config struct{ Digest string } }
		if err := json.Unmarshal(manifest, &parsed); err != nil {
			m.t.Fatal(err)
		}
		config := read(agent, "blobs/"+parsed.Config.Digest)
		if direct := read(s.url, "blobs/"+parsed.Config.Digest); !bytes.Equal(config, direct) {
			m.t.Errorf("%s: the agent's config is\n%s\nthe registry's\n%s", version, config, direct)
		}
		names = append(names, componentOf(m.t, config))
	}
	pushed, err := filepath.Glob(filepath.Join(m.agentDir(), "content", "*"))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, file := range pushed {
		data, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("{")) {
			continue
		}
		if at := slices.Index(names, componentOf(m.t, data)); at >= 0 {
			names = slices.Delete(names, at, at+1)
		}
	}
	if len(names) > 0 {
		m.t.Errorf("wkg pushed no config (of %d contents) that names %v", len(pushed), names)
	}
}

// componentOf returns what a config says of the component, in an order of its own.
func componentOf(t *testing.T, config []byte) string {
	t.Helper()
	var parsed struct {
		Architecture, OS string
		LayerDigests     []string
		Component        struct{ Imports, Exports []string }
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		t.Fatal(err)
	}
	slices.Sort(parsed.Component.Imports)
	slices.Sort(parsed.Component.Exports)
	text, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wkg is told when the registry lies, and gets nothing of it.
func TestAgentOfALyingRegistry(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	l := liar.Start(t, s.url)
	m := newMaintainer(t, l.URL)
	file := m.wit("1.0.0", firstWIT, 0)
	m.wkg(0, "publish", file)
	m.stop(syscall.SIGTERM)
	if err := os.RemoveAll(m.agentDir()); err != nil { // what the agent has, it need not get
		t.Fatal(err)
	}
	m.start()
	l.ChangePath("/content/", func(body []byte) []byte {
		body[len(body)-1] ^= 1
		return body
	})
	said := m.wkg(1, "get", "example:api@1.0.0", "-o", "./lie.wasm")
	if !strings.Contains(said, "VERIFICATION FAILED") {
		t.Errorf("wkg said %s", said)
	}
	if _, err := os.Stat(filepath.Join(m.home, "lie.wasm")); !os.IsNotExist(err) {
		t.Errorf("wkg wrote a file: %v", err)
	}
	evidence, err := filepath.Glob(filepath.Join(m.home, ".local", "state", "warg", "evidence", "*.json"))
	if err != nil || len(evidence) == 0 || !strings.Contains(m.stderr.String(), evidence[0]) {
		t.Errorf("evidence %v, %v", evidence, err)
	}
	l.Honest()
	m.get("example:api@1.0.0", file)

	// A registry that takes back what it had published.
	l.ChangePath("/v1/fetch/checkpoint", func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"timestamp":`), []byte(`"timestamp":1`), 1)
	})
	if said := m.wkg(1, "publish", m.wit("1.1.0", secondWIT, 0)); !strings.Contains(said, "VERIFICATION FAILED") {
		t.Errorf("wkg said %s", said)
	}
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
