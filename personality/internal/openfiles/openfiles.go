// Package openfiles tells tests which files their process has open.
package openfiles

import (
	"os"
	"strings"
	"testing"
)

// None fails the test for each file below a folder that the process has open. It says so
// and skips where there is no /proc.
func None(t testing.TB, dir string) {
	t.Helper()
	const of = "/proc/self/fd"
	open, err := os.ReadDir(of)
	if err != nil {
		t.Skipf("what is open is read from %s: %v", of, err)
	}
	for _, f := range open {
		if name, err := os.Readlink(of + "/" + f.Name()); err == nil && strings.HasPrefix(name, dir) {
			t.Errorf("%s is still open", name)
		}
	}
}
