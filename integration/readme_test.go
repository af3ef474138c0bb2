package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's way from nothing to a verified download works as written, but
// for where the server listens and keeps its data.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		commands = append(commands, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	if len(commands) != 8 {
		t.Fatalf("the README has %d commands, want 8: %q", len(commands), commands)
	}
	flags, ok := strings.CutPrefix(commands[0], "go run ./cmd/warg-personality serve --namespace example")
	if !ok || flags != "" {
		t.Fatalf("the README starts the server by %q, which this test does not do", commands[0])
	}
	s := startServer(t)
	c := &client{t: t, home: t.TempDir()}
	copyFile(t, "../testdata/hello.wasm", filepath.Join(c.home, "testdata", "hello.wasm"))
	for _, line := range commands[1:] {
		line = strings.ReplaceAll(line, "http://127.0.0.1:8090", s.url)
		if words := strings.Fields(line); words[0] == "warg" {
			t.Logf("%s\n%s", line, c.run(words[1:]...))
			continue
		}
		if strings.Contains(line, "prove") {
			s.awaitNotes(t)
		}
		t.Logf("%s\n%s", line, runOurs(t, s, c.home, line))
	}
	published, err := os.ReadFile("../testdata/hello.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.read("downloaded.wasm"); string(got) != string(published) {
		t.Errorf("downloaded %q, published %q", got, published)
	}
}

// runOurs runs a line with commands of this repository, as built, in a folder.
func runOurs(t *testing.T, s *server, dir, line string) []byte {
	t.Helper()
	line = regexp.MustCompile(`go run \./cmd/([a-z-]+)`).ReplaceAllStringFunc(line, func(run string) string {
		return command(t, filepath.Base(run))
	})
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "WARG_DATA_DIR="+s.dataDir)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, output)
	}
	return output
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}
