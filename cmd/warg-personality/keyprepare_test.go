package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readAll returns the files of a folder by name, and checks who may read them.
func readAll(t *testing.T, dir string, mode os.FileMode) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v (%v), want %v", e.Name(), info.Mode().Perm(), err, mode)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// The keys are made once; those that are there stay, and public ones are made anew.
func TestKeyPrepare(t *testing.T) {
	keys, public := t.TempDir(), t.TempDir()
	prepare := func() (said string) {
		t.Helper()
		out, said, status := result(t, program(t, []string{"WARG_ORIGIN=registry.example.com"}, "key", "prepare", keys, "--public-dir", public))
		if status != 0 {
			t.Fatalf("status %d: %s", status, said)
		}
		return out
	}
	said := prepare()
	made := readAll(t, keys, 0o600)
	vkeys := readAll(t, public, 0o644)
	if len(made) != 3 || len(vkeys) != 2 || !strings.HasPrefix(vkeys["records.vkey"], "registry.example.com/tlog/records+") {
		t.Fatalf("there are the keys %v and the public keys %v", len(made), vkeys)
	}
	for name, text := range made {
		if strings.Contains(said, strings.TrimSpace(text)) || !strings.Contains(said, "made "+filepath.Join(keys, name)) {
			t.Errorf("of %s it says\n%s", name, said)
		}
	}
	for _, path := range []string{filepath.Join(keys, "checkpoints-note.key"), filepath.Join(public, "records.vkey")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(public, "checkpoints.vkey.new"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	said = prepare()
	again, vkeysAgain := readAll(t, keys, 0o600), readAll(t, public, 0o644)
	for _, name := range []string{"operator.key", "records-note.key"} {
		if again[name] != made[name] || !strings.Contains(said, filepath.Join(keys, name)+" is there") {
			t.Errorf("%s was made anew: %s", name, said)
		}
	}
	if again["checkpoints-note.key"] == "" || vkeysAgain["records.vkey"] != vkeys["records.vkey"] || vkeysAgain["checkpoints.vkey"] == vkeys["checkpoints.vkey"] || len(vkeysAgain) != 2 {
		t.Errorf("what was missing is %v", vkeysAgain)
	}
}

// What is there and cannot be used changes nothing.
func TestKeyPrepareRefuses(t *testing.T) {
	other := t.TempDir()
	if _, said, status := result(t, program(t, nil, "key", "prepare", other, "--origin", "other.example.com")); status != 0 {
		t.Fatalf("status %d: %s", status, said)
	}
	of := func(name string) string {
		text, err := os.ReadFile(filepath.Join(other, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for want, c := range map[string]struct{ file, text, origin string }{
		"does not hold a private key": {"operator.key", "secret", "example.com"},
		"operator.key":                {"operator.key", "", "example.com"},
		"line 1 of the note key":      {"records-note.key", "secret", "example.com"},
		"cannot be changed":           {"checkpoints-note.key", of("checkpoints-note.key"), "example.com"},
		"--origin: ":                  {"records-note.key", of("records-note.key"), "not an origin"},
	} {
		keys, public := t.TempDir(), t.TempDir()
		if err := os.WriteFile(filepath.Join(keys, c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, said, status := result(t, program(t, nil, "key", "prepare", keys, "--public-dir", public, "--origin", c.origin))
		if status != exitUsage || !strings.Contains(said, want) || strings.Contains(said, "secret\"") {
			t.Errorf("status %d, %q, want %q", status, said, want)
		}
		if got := readAll(t, keys, 0o600); len(got) != 1 || got[c.file] != c.text || len(readAll(t, public, 0o644)) != 0 {
			t.Errorf("%s: there are %d files after that", want, len(got))
		}
	}
	if _, said, status := result(t, program(t, nil, "key", "prepare", filepath.Join(other, "none"), "--origin", "example.com")); status != exitFailed || !strings.Contains(said, "none") {
		t.Errorf("no folder: status %d, %q", status, said)
	}
}
