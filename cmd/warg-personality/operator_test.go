package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A private registry whose key is behind a command takes records of the operator that
// a command signed, from whoever may publish; without a terminal nobody is asked.
func TestOperatorOfPrivateRegistryWithKeyCommand(t *testing.T) {
	dir := t.TempDir()
	tokens, pem, public := filepath.Join(dir, "tokens"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "key.pub")
	secret, line, status := result(t, program(t, nil, "token", "new", "alice"))
	if status != 0 {
		t.Fatal(line)
	}
	if err := os.WriteFile(tokens, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", pem}, {"ec", "-in", pem, "-pubout", "-out", public},
	} {
		if text, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, text)
		}
	}
	key := []string{"--operator-key-command", "openssl pkeyutl -sign -inkey '" + pem + "'", "--operator-public-key", public}
	server := program(t, nil, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--tokens-file", tokens}, key...)...)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	if !ok {
		t.Fatalf("printed %q (%v)", first, err)
	}
	define := append([]string{"operator", "namespace", "define", "alive", "--url", "http://" + address}, key...)
	token := []string{"WARG_TOKEN=" + strings.TrimSpace(secret)}
	for _, c := range []struct {
		what   string
		env    []string
		args   []string
		status int
		says   string
	}{
		{"no token", nil, append(define, "--yes"), exitFailed, "private"},
		{"nobody to ask", token, define, exitUsage, "--yes"},
		{"sure", token, append(define, "--yes"), 0, "published record sha256:"},
		{"again", token, define, 0, "nothing was done"},
		{"no key", token, define[:6], exitUsage, "--operator-key-file"},
		{"the log", token, []string{"operator", "log", "--json", "--url", "http://" + address}, 0, `"namespace":"alive"`},
	} {
		out, said, status := result(t, program(t, c.env, c.args...))
		if status != c.status || !strings.Contains(out+said, c.says) {
			t.Errorf("%s: status %d: %s%s", c.what, status, out, said)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
}
