package main

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorKey is the key that a new registry has with these settings.
func operatorKey(settings *config.Serve, log *slog.Logger) (protocol.PrivateKey, error) {
	var o personality.Options
	if err := setOperatorKeys(&o, settings, log); err != nil {
		return protocol.PrivateKey{}, err
	}
	if o.NewOperatorKey == nil {
		return o.OperatorKeys[0].(protocol.PrivateKey), nil
	}
	return o.NewOperatorKey()
}

// A key is made for a new registry only: one that has records refuses to start
// without its own, whichever of its databases are left, and so does its rebuild.
func TestOperatorKeyOfRegistryIsNotReplaced(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	key := filepath.Join(data, "operator.key")
	refused := func(why, command string) {
		t.Helper()
		args := []string{command, "--listen", "127.0.0.1:0", "--data-dir", data}
		stdout, stderr, status := result(t, program(t, nil, args...))
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, key+" is missing: put the key of this registry back") {
			t.Errorf("%s: %s: status %d, %q, %q", why, command, status, stdout, stderr)
		}
		if _, err := os.Lstat(key); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s: %s made a key (%v)", why, command, err)
		}
	}
	serveOnce(t, data)
	kept, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	refused("without its key", "serve")
	refused("without its key", "rebuild")

	databases, err := filepath.Glob(filepath.Join(data, "registry.db*"))
	if err != nil || len(databases) == 0 {
		t.Fatalf("the folder has the databases %v (%v)", databases, err)
	}
	for _, file := range databases {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	refused("without its key and database", "serve")
	refused("without its key and database", "rebuild")

	if err := os.WriteFile(key, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, status := result(t, program(t, nil, "rebuild", "--data-dir", data)); status != 0 || !strings.HasPrefix(stdout, "rebuilt ") {
		t.Errorf("with its key again: status %d, %q, %q", status, stdout, stderr)
	}
	serveOnce(t, data)
}

// serveOnce runs a registry until it is ready, and stops it.
func serveOnce(t *testing.T, data string) {
	t.Helper()
	cmd := program(t, nil, "serve", "--listen", "127.0.0.1:0", "--data-dir", data)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || strings.Contains(stderr.String(), "not ready") {
		t.Fatalf("ended with %v: %s", err, stderr.String())
	}
}

func TestOperatorKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	settings := &config.Serve{Storage: config.Storage{DataDir: dir}}
	first, err := operatorKey(settings, log)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(settings.DefaultOperatorKeyFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v (%v)", info.Mode(), err)
	}
	second, err := operatorKey(settings, log)
	if err != nil || !second.Public().Equal(first.Public()) {
		t.Errorf("the second start has another key (%v)", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
	secret := strings.TrimPrefix(first.Text(), "ecdsa-p256:")
	if text := logged.String(); strings.Contains(text, secret) || strings.Count(text, "\n") != 1 || !strings.Contains(text, string(first.Public().ID())) {
		t.Errorf("logged: %s", text)
	}

	// What is there is never overwritten, whatever it is.
	if err := os.WriteFile(settings.DefaultOperatorKeyFile(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := operatorKey(settings, log); err == nil {
		t.Error("an empty key file was accepted")
	}
	if data, err := os.ReadFile(settings.DefaultOperatorKeyFile()); err != nil || len(data) > 0 {
		t.Errorf("an existing file was overwritten (%v)", err)
	}
}

func TestOperatorKeySources(t *testing.T) {
	key := func() protocol.PrivateKey {
		k, err := protocol.GeneratePrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	inEnvironment, inFile := key(), key()
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(inFile.Text()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	expect := func(settings config.Serve, want protocol.PrivateKey) {
		t.Helper()
		got, err := operatorKey(&settings, log)
		if err != nil || !got.Public().Equal(want.Public()) {
			t.Errorf("another key (%v)", err)
		}
	}
	expect(config.Serve{Storage: config.Storage{DataDir: dir}, Keys: config.Keys{OperatorKeys: config.OperatorKeys{OperatorKeyFile: []config.Path{config.Path(file)}, OperatorKey: config.Secret(inEnvironment.Text())}}}, inEnvironment)
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
	expect(config.Serve{Storage: config.Storage{DataDir: dir}, Keys: config.Keys{OperatorKeys: config.OperatorKeys{OperatorKeyFile: []config.Path{config.Path(file)}}}}, inFile)
	if !strings.Contains(logged.String(), "open to others") {
		t.Errorf("no warning that others can read the key; logged: %s", logged.String())
	}

	missing := filepath.Join(dir, "missing")
	if _, err := operatorKey(&config.Serve{Storage: config.Storage{DataDir: dir}, Keys: config.Keys{OperatorKeys: config.OperatorKeys{OperatorKeyFile: []config.Path{config.Path(missing)}}}}, log); err == nil || !strings.Contains(err.Error(), "--operator-key-file") {
		t.Errorf("a file that is named and missing: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
}
