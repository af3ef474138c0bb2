package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// runAsProgram makes the test binary behave as the program itself, so that the
// tests see its real output, exit status and signal handling.
const runAsProgram = "WARG_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is the command with these arguments, in an environment without
// settings but those given, in an empty folder.
func program(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // then it is killed
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = t.TempDir()
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "WARG_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(append(cmd.Env, runAsProgram+"=1"), env...)
	return cmd
}

// result runs the command to its end.
func result(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestKeyCommands(t *testing.T) {
	stdout, stderr, status := result(t, program(t, nil, "key", "new"))
	if status != 0 || stderr != "" || !regexp.MustCompile(`^ecdsa-p256:[A-Za-z0-9+/]{43}=\n$`).MatchString(stdout) {
		t.Fatalf("key new: status %d, standard error %q, standard output of %d bytes", status, stderr, len(stdout))
	}
	if again, _, _ := result(t, program(t, nil, "key", "new")); again == stdout {
		t.Error("key new wrote the same key twice")
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := protocol.ParsePrivateKey(strings.TrimSpace(stdout))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status = result(t, program(t, nil, "key", "info", file))
	want := "public key: " + key.Public().String() + "\nkey id: " + string(key.Public().ID()) + "\n"
	if status != 0 || stderr != "" || stdout != want {
		t.Errorf("key info: status %d, %q, %q, want %q", status, stderr, stdout, want)
	}
}

func TestKeyInfoQuotesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("ecdsa-p256:c2VjcmV0c2VjcmV0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := result(t, program(t, nil, "key", "info", file))
	if status != exitUsage || stdout != "" || strings.Contains(stderr, "c2Vj") || !strings.Contains(stderr, file) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if _, stderr, status := result(t, program(t, nil, "key", "info", "/nowhere")); status != exitFailed || !strings.Contains(stderr, "no such file") {
		t.Errorf("without a file: status %d, %q", status, stderr)
	}
}

// A wrong command line or setting is one line and exit status 2, and nothing
// is made.
func TestUsageErrors(t *testing.T) {
	for _, test := range []struct {
		args []string
		env  []string
		want string
	}{
		{args: []string{"serv"}, want: "serv"},
		{args: []string{"serve", "--listen", "nonsense"}, want: "--listen"},
		{args: []string{"serve"}, env: []string{"WARG_CHECKPOINT_INTERVAL=soon"}, want: "WARG_CHECKPOINT_INTERVAL"},
		{args: []string{"serve"}, env: []string{"WARG_DATABASE_URL=warg:pw@tcp(db)/warg"}, want: "WARG_DATABASE_URL) needs --trillian"},
		{args: []string{"serve"}, env: []string{"WARG_DATABASE_URL_FILE=/f"}, want: "WARG_DATABASE_URL) needs --trillian"},
		{args: []string{"serve", "--records-tree", "7"}, want: "--records-tree"},
		{args: []string{"serve", "--trillian", "t:1", "--trillian-key-file", "k"}, want: "--trillian-cert-file"},
		{args: []string{"serve", "--trillian", "t:1"}, env: []string{"WARG_DATABASE_URL_FILE=/nowhere"}, want: "--database-url-file"},
		{args: []string{"serve", "--trillian", "t:1"}, env: []string{"WARG_DATABASE_URL=warg:pa/ss"}, want: "--database-url: "},
		{args: []string{"serve", "--debug-pprof"}, want: "--metrics-listen"},
	} {
		cmd := program(t, test.env, test.args...)
		stdout, stderr, status := result(t, cmd)
		if status != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "warg-personality: ") || !strings.Contains(stderr, test.want) {
			t.Errorf("%v %v: status %d, %q, %q", test.args, test.env, status, stdout, stderr)
		}
		if made, err := os.ReadDir(cmd.Dir); err != nil || len(made) > 0 {
			t.Errorf("%v: left %v (%v)", test.args, made, err)
		}
	}
	_, stderr, status := result(t, program(t, []string{"WARG_OPERATOR_KEY=ecdsa-p256:c2VjcmV0"}, "serve", "--listen=127.0.0.1:0"))
	if status != exitUsage || !strings.Contains(stderr, "WARG_OPERATOR_KEY") || strings.Contains(stderr, "c2Vj") {
		t.Errorf("a wrong operator key: status %d, %q", status, stderr)
	}
}

func TestVersionAndHelp(t *testing.T) {
	if stdout, _, status := result(t, program(t, nil, "version")); status != 0 || !regexp.MustCompile(`^warg-personality \S+.* go1\S*\n$`).MatchString(stdout) {
		t.Errorf("version: status %d, %q", status, stdout)
	}
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"key", "new", "--help"}} {
		if stdout, stderr, status := result(t, program(t, nil, args...)); status != 0 || stderr != "" || !strings.HasPrefix(stdout, "Usage: warg-personality") {
			t.Errorf("%v: status %d, %q", args, status, stderr)
		}
	}
}
