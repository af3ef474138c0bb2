package main

import (
	"strings"
	"testing"
)

// A key command that never stops writing ends, and an empty version is no version.
func TestBounds(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	_, key := keyOf(t, u.expect(exitDone, "Key ID", "key", "info"))
	u.expect(exitUsage, "the key command failed", "publish", "init", "example:endless", "--key-command", "yes", "--public-key", key)
	u.expect(exitUsage, "--version is empty", "download", "example:endless", "--version", "")
}

// A file that is no policy, perhaps a key, is not quoted.
func TestNoPolicyIsNotQuoted(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.write("key", "ecdsa-p256:c2VjcmV0\n")
	_, says, status := u.run("info", "--registry", "http://127.0.0.1:1", "--policy", "key")
	if status != exitUsage || strings.Contains(says, "c2VjcmV0") || !strings.Contains(says, "no policy of witnesses") {
		t.Errorf("status %d: %s", status, says)
	}
}
