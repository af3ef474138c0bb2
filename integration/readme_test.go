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
	if len(commands) != 5 {
		t.Fatalf("the README has %d commands, want 5: %q", len(commands), commands)
	}
	flags, ok := strings.CutPrefix(commands[0], "go run ./cmd/warg-personality serve --namespace example")
	if !ok || flags != "" {
		t.Fatalf("the README starts the server by %q, which this test does not do", commands[0])
	}
	s := startServer(t)
	c := &client{t: t, home: t.TempDir()}
	copyFile(t, "../testdata/hello.wasm", filepath.Join(c.home, "testdata", "hello.wasm"))
	for _, line := range commands[1:] {
		words := strings.Fields(strings.ReplaceAll(line, "http://127.0.0.1:8090", s.url))
		if words[0] != "warg" {
			t.Fatalf("the README has a command that is not the client's: %s", line)
		}
		t.Logf("%s\n%s", line, c.run(words[1:]...))
	}
	published, err := os.ReadFile("../testdata/hello.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.read("downloaded.wasm"); string(got) != string(published) {
		t.Errorf("downloaded %q, published %q", got, published)
	}
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
