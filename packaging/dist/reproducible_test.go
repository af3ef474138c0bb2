package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The same commit, built in another folder, by another umask, time zone and language, and with
// settings of Go that change programs, is the same. The package of it is tried in a Debian.
func TestDist(t *testing.T) {
	if os.Getenv("WARG_TEST_DIST") != "1" {
		t.Skip("it takes minutes, and has to be root: make test-dist runs it")
	}
	if os.Getuid() != 0 {
		t.Fatal("make test-dist has to be root: it makes folders with a Debian in them, and boots it")
	}
	for _, tool := range []string{"debootstrap", "systemd-nspawn", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: install debootstrap and systemd-container", tool)
		}
	}
	one := built(t, "one", "022", "TZ=UTC", "LC_ALL=C")
	// The file of checksums names all others.
	other := built(t, "a folder with a longer name", "077", "TZ=Asia/Tokyo", "LC_ALL=tr_TR.UTF-8", "GOFLAGS=-tags=other", "GOAMD64=v3", "CGO_ENABLED=1")
	a, err := os.ReadFile(filepath.Join(one, sumsName))
	must(t, err)
	b, err := os.ReadFile(filepath.Join(other, sumsName))
	must(t, err)
	if !bytes.Equal(a, b) || len(a) == 0 {
		t.Errorf("checksums differ:\n%s\n%s", a, b)
	}
	check := exec.Command("sha256sum", "--check", "--strict", sumsName)
	check.Dir = one
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	debs, err := filepath.Glob(filepath.Join(one, "*_amd64.deb"))
	must(t, err)
	if len(debs) != 1 {
		t.Fatalf("packages: %q", debs)
	}
	tryPackage(t, debs[0])
}

// built clones the commit that is checked out, and returns the folder of what is made of it.
func built(t *testing.T, name, umask string, env ...string) string {
	t.Helper()
	clone := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("git", "clone", "--quiet", "../..", clone).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	make := exec.Command("sh", "-c", "umask "+umask+" && go run ./packaging/dist -targets linux/amd64,linux/arm64,darwin/arm64")
	make.Dir, make.Env = clone, append(os.Environ(), env...)
	out, err := make.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(env, " "), err, out)
	}
	return filepath.Join(clone, "dist")
}
