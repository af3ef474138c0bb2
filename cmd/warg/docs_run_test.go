package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands of docs/client.md work as written, a block after the other, but for the
// registry's URL, keys and ids that are cut short there, and a program that reads what comes
// out of a pipe. Each block has a registry and a user of its own.
func TestCommandsOfClientPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/client.md")
	must(t, err)
	blocks := regexp.MustCompile("(?s)\n```\n(.*?)\n```\n").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 12 {
		t.Fatalf("the page has %d blocks of commands", len(blocks))
	}
	for _, block := range blocks {
		lines := strings.Split(strings.ReplaceAll(block[1], " \\\n ", ""), "\n")
		if strings.HasPrefix(lines[0], "warg agent") {
			continue // it runs until it is stopped: TestAgent and others start it
		}
		t.Run(lines[0], func(t *testing.T) {
			t.Parallel()
			p := newPage(t, lines[0])
			for _, line := range lines {
				p.run(line)
			}
		})
	}
}

// page is the user of a block of a page.
type page struct {
	*user
	r       *registry
	replace *strings.Replacer
}

// newPage makes what the page takes for granted before a block that begins with a line.
func newPage(t *testing.T, first string) *page {
	t.Helper()
	r := openRegistry(t)
	p := &page{user: newUser(t), r: r}
	program, err := os.Executable()
	must(t, err)
	must(t, os.Mkdir(filepath.Join(p.home, "bin"), 0o700))
	script := "#!/bin/sh\n" + runAsProgram + "=1 exec '" + program + "' \"$@\"\n"
	must(t, os.WriteFile(filepath.Join(p.home, "bin", "warg"), []byte(script), 0o700))
	p.write("hello.wasm", "hello")
	p.write("token.txt", "a-token\n")
	must(t, runIn(p.home, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"))
	other := newPublisher(t, r.url)
	id, key := keyOf(t, other.expect(exitDone, "Public Key", "key", "info"))
	record := ""
	switch {
	case strings.HasPrefix(first, "warg config"):
	case strings.HasPrefix(first, "warg key"):
		p.expect(exitDone, "Set", "config", "--registry", r.url)
	default:
		p.expect(exitDone, "Key ID", "config", "--registry", r.url, "--new-key")
	}
	switch words := strings.Fields(first); {
	case strings.HasPrefix(first, "warg publish start"):
		p.release("example:hello", "0.9.0", "old")
	case strings.HasPrefix(first, "warg publish wait"):
		said := p.expect(exitDone, "submitted", "publish", "init", "example:hello", "--no-wait")
		record = regexp.MustCompile("sha256:[0-9a-f]{64}").FindString(said)
	case len(words) > 1 && strings.Contains("download info log verify update", words[1]):
		p.release("example:hello", "1.0.0", "hello")
		p.release("example:hello", "1.2.3", "newer")
		settle(t, r, 3)
		p.write("hello.tlog-proof", proofOf(t, r, "example:hello", "1.0.0"))
	}
	p.replace = strings.NewReplacer("https://registry.example.com", r.url, "ecdsa-p256:A0ko...", key, "sha256:4a1f...", id,
		"sha256:9c2e...", record, "wasm-tools print", "cat")
	return p
}

// run runs a line in a shell. It must succeed, but for what the page says of it.
func (p *page) run(line string) {
	p.t.Helper()
	switch line {
	case "warg publish abort": // "drops it instead"
		p.expect(exitDone, "started", "publish", "start", "example:hello")
	case "warg key import key.pem": // for a user without a key
		must(p.t, os.RemoveAll(filepath.Join(p.home, ".config", "warg")))
		p.expect(exitDone, "Set", "config", "--registry", p.r.url)
	}
	shell := exec.CommandContext(p.t.Context(), "sh", "-c", p.replace.Replace(line))
	shell.Dir = p.home
	shell.Env = []string{"HOME=" + p.home, "PATH=" + filepath.Join(p.home, "bin") + ":" + os.Getenv("PATH"), "VKEY=" + p.r.vkey}
	said, err := shell.CombinedOutput()
	if strings.HasPrefix(line, "warg publish yank") && !strings.Contains(line, "--yes") { // "asks on a terminal"
		if shell.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(said), "--yes") {
			p.t.Errorf("%s: %v: %s", line, err, said)
		}
		return
	}
	if err != nil {
		p.t.Errorf("%s: %v: %s", line, err, said)
	}
}
