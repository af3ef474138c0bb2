package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// The commands of docs/agent.md work as written, but for addresses and the key; and the
// agent says the configuration that the page shows.
func TestCommandsOfAgentPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks [][]string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, strings.Split(block[1], "\n"))
	}
	shown := regexp.MustCompile("(?s)```toml\n(.*?)```").FindStringSubmatch(string(text))
	if len(blocks) != 4 || len(blocks[0]) != 2 || blocks[0][1] != "go run ./cmd/warg agent" || shown == nil {
		t.Fatalf("the page has other blocks than this test runs: %q, %q", blocks, shown)
	}
	s := startServer(t)
	m := newMaintainerWithoutKey(t)
	m.shell(s, blocks[0][0])
	m.start() // the second line
	config, err := os.ReadFile(m.config)
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.ReplaceAll(string(config), m.address, "127.0.0.1:8091"); !strings.HasPrefix(strings.TrimSpace(said), strings.TrimSpace(shown[1])) {
		t.Errorf("the agent says\n%s\nthe page\n%s", said, shown[1])
	}
	if err := os.Rename(m.wit("1.0.0", firstWIT, 0), filepath.Join(m.home, "api.wasm")); err != nil {
		t.Fatal(err)
	}
	for _, line := range blocks[1] {
		m.shell(s, line)
	}
	s.awaitNotes(t)
	for _, line := range blocks[3] {
		m.shell(s, line)
	}

	m.stop(syscall.SIGTERM)
	m.token = filepath.Join(m.home, "token")
	m.start()
	get := strings.Replace(blocks[1][1], "api-1.0.0", "again", 1)
	m.shell(s, blocks[2][0]+"\n"+get)
	if output, err := m.line(s, get+" --overwrite").CombinedOutput(); err == nil {
		t.Errorf("the agent takes wkg without a token: %s", output)
	}
}

// shell runs a line of a page in the maintainer's home. It must succeed.
func (m *maintainer) shell(s *server, line string) {
	m.t.Helper()
	if output, err := m.line(s, line).CombinedOutput(); err != nil {
		m.t.Fatalf("%s: %v: %s", line, err, output)
	}
}

// line is a line of a page with what stands for something else replaced: commands as built,
// the server's address, the agent's, and the log's key.
func (m *maintainer) line(s *server, line string) *exec.Cmd {
	m.t.Helper()
	wkg, err := tools.Path("wkg-0.16.1")
	if err != nil {
		m.t.Fatal(err)
	}
	line = strings.NewReplacer("go run ./cmd/warg ", command(m.t, "warg")+" ", "wkg ", wkg+" ", "http://127.0.0.1:8090", s.url,
		"127.0.0.1:8091", m.address, "WKG_REGISTRY_127_0_0_1_8091_AUTH_BEARER", m.tokenVariable(), "--vkey KEY", "--vkey '"+m.vkey(s)+"'").Replace(line)
	cmd := m.command("sh", "-c", line)
	cmd.Env = append(cmd.Env, "WKG_CONFIG_FILE="+m.config, "WKG_CACHE_DIR="+m.t.TempDir())
	return cmd
}

// vkey is the key of a server's records log, as its operator reads it.
func (m *maintainer) vkey(s *server) string {
	m.t.Helper()
	keys, err := exec.Command(command(m.t, "warg-personality"), "note-key", "show", "--data-dir", s.dataDir).Output()
	if err != nil {
		m.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(keys), "\n")
	return first
}
