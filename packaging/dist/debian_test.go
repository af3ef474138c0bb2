package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// release is the Debian that the package is tried in.
const release = "bookworm"

// bootUnit runs packaging/deb/test.sh once the system is up, and then ends it.
const bootUnit = `[Unit]
Description=Test of the package
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/test/test.sh /test/1.deb /test/2.deb
StandardOutput=append:/test/log
StandardError=inherit
TimeoutStartSec=10min
`

// tryPackage boots a Debian, with systemd and without a network, in which the package is installed,
// its units run, and it is upgraded, removed and purged, as packaging/deb/test.sh says.
func tryPackage(t *testing.T, deb string) {
	root := debian(t)
	for to, from := range map[string]string{"1.deb": deb, "test.sh": "../deb/test.sh", "hello.wasm": "../../testdata/hello.wasm"} {
		must(t, copyTo(filepath.Join(root, "test", to), from))
	}
	newer(t, deb, filepath.Join(root, "test/2.deb"))
	command(t, "chroot", root, "lintian", "--fail-on", "error,warning", "/test/1.deb")

	const units = "etc/systemd/system/"
	must(t, write(filepath.Join(root, units+"warg-test.service"), bootUnit))
	must(t, os.MkdirAll(filepath.Join(root, units+"default.target.wants"), 0o755))
	must(t, os.Symlink("../warg-test.service", filepath.Join(root, units+"default.target.wants/warg-test.service")))
	ctx, stop := context.WithTimeout(t.Context(), 15*time.Minute)
	defer stop()
	boot := exec.CommandContext(ctx, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--link-journal=no", "-D", root, "--boot")
	console, err := boot.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(root, "test/log"))
	if !strings.HasSuffix(string(log), "\nPASSED\n") {
		t.Fatalf("packaging/deb/test.sh did not pass (%v):\n%s\nthe console:\n%s", err, log, console)
	}
	t.Logf("%s", log)
}

// debian unpacks a Debian into a folder of this test. It is made once, in the user's cache folder.
func debian(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	kept := filepath.Join(cache, "warg-trillian", "debian-"+release+".tar")
	if _, err := os.Stat(kept); err != nil {
		must(t, os.MkdirAll(filepath.Dir(kept), 0o755))
		made := filepath.Join(t.TempDir(), "made")
		command(t, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,adduser,ca-certificates", release, made, "http://deb.debian.org/debian")
		// Those whose scripts need what debootstrap has not configured yet.
		command(t, "chroot", made, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq", "-y", "--no-install-recommends", "lintian", "curl", "man-db")
		command(t, "tar", "-C", made, "--numeric-owner", "--one-file-system", "-cf", kept+".new", ".")
		must(t, os.Rename(kept+".new", kept))
	}
	root := filepath.Join(t.TempDir(), "root")
	must(t, os.Mkdir(root, 0o755))
	command(t, "tar", "-C", root, "--numeric-owner", "-xpf", kept)
	return root
}

// newer writes the same package with a later version.
func newer(t *testing.T, deb, to string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x")
	command(t, "dpkg-deb", "-R", deb, dir)
	path := filepath.Join(dir, "DEBIAN/control")
	control, err := os.ReadFile(path)
	must(t, err)
	var lines string
	for line := range strings.Lines(string(control)) {
		if strings.HasPrefix(line, "Version: ") {
			line = strings.TrimSpace(line) + ".1\n"
		}
		lines += line
	}
	must(t, os.WriteFile(path, []byte(lines), 0o644))
	command(t, "dpkg-deb", "-Znone", "-b", dir, to)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
