package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Damage to what is remembered is a fault of this machine, and says how to mend it.
func TestDamagedMemory(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:hello", "1.0.0", "first")
	for _, file := range []string{"operator.json", "checkpoint.json", "package/example/hello.json"} {
		for _, text := range []string{"null", "{}", "x", ""} {
			u.damage(file, text)
			u.expect(exitRefused, "warg reset", "info", "example:hello")
			u.expect(exitDone, "", "reset")
			u.expect(exitDone, "1.0.0", "info", "example:hello")
		}
	}
	u.damage("checkpoint.json", "gone")
	u.expect(exitRefused, "checkpoint.json on", "info", "example:hello")
}

// damage changes a file of what is remembered of the only registry, or removes it: "gone".
func (u *user) damage(file, text string) {
	u.t.Helper()
	found, err := filepath.Glob(filepath.Join(u.home, ".local/state/warg/registries/*/warg-go/*", file))
	must(u.t, err)
	if len(found) != 1 {
		u.t.Fatalf("%s: found %v", file, found)
	}
	if text == "gone" {
		must(u.t, os.Remove(found[0]))
		return
	}
	must(u.t, os.WriteFile(found[0], []byte(text), 0o600))
}
