package main

import "testing"

// A key command that never stops writing ends, and an empty version is no version.
func TestBounds(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	_, key := keyOf(t, u.expect(exitDone, "Key ID", "key", "info"))
	u.expect(exitRefused, "the key command failed", "publish", "init", "example:endless", "--key-command", "yes", "--public-key", key)
	u.expect(exitUsage, "--version is empty", "download", "example:endless", "--version", "")
}
