package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/config"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

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
	expect(config.Serve{Storage: config.Storage{DataDir: dir}, Keys: config.Keys{OperatorKeyFile: file, OperatorKey: config.Secret(inEnvironment.Text())}}, inEnvironment)
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
	expect(config.Serve{Storage: config.Storage{DataDir: dir}, Keys: config.Keys{OperatorKeyFile: file}}, inFile)
	if !strings.Contains(logged.String(), "open to others") {
		t.Errorf("no warning that others can read the key; logged: %s", logged.String())
	}

	missing := filepath.Join(dir, "missing")
	if _, err := operatorKey(&config.Serve{Storage: config.Storage{DataDir: dir}, Keys: config.Keys{OperatorKeyFile: missing}}, log); err == nil || !strings.Contains(err.Error(), "--operator-key-file") {
		t.Errorf("a file that is named and missing: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
}
