package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var commitTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// dpkg itself says which version is the newer.
func TestDebianVersionsAreOrderedAsGoOrdersThem(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("dpkg is not there: this is no Debian")
	}
	ordered := []string{
		"v0.0.0-20260102030405-0123456789ab", "v0.0.0-20260102030406-0023456789ab", "v1.0.0-rc.1", "v1.0.0-rc.1.0.20260203040506-0123456789ab",
		"v1.0.0-rc.2", "v1.0.0", "v1.0.1-0.20260304050607-0123456789ab", "v1.0.1", "v1.10.0",
	}
	for i, version := range ordered[1:] {
		older, newer := debianVersion(ordered[i]), debianVersion(version)
		if out, err := exec.Command(dpkg, "--compare-versions", older, "lt", newer).CombinedOutput(); err != nil {
			t.Errorf("dpkg does not take %s for older than %s: %v %s", older, newer, err, out)
		}
	}
	if got := debianVersion("v0.0.0-20260102030405-0123456789ab"); got != "0.0.0~20260102030405.0123456789ab" {
		t.Errorf("got %s", got)
	}
}

func TestWrongTargets(t *testing.T) {
	for _, list := range []string{"", "linux", "linux/", "linux/amd64,", "/amd64"} {
		if got, err := parseTargets(list); err == nil {
			t.Errorf("%q was taken for %v", list, got)
		}
	}
}

// A folder with other things in it is not replaced.
func TestOtherFoldersStay(t *testing.T) {
	dir := t.TempDir()
	for _, ours := range []string{dir, filepath.Join(dir, "missing")} {
		if err := replaceable(ours); err != nil {
			t.Errorf("%s: %v", ours, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
	if err := replaceable(dir); err == nil {
		t.Error("it would be removed")
	}
	must(t, os.WriteFile(filepath.Join(dir, sumsName), nil, 0o600))
	must(t, replaceable(dir))
}

// The bytes of an archive do not depend on modes and times that files happen to have.
func TestArchivesAreTheSame(t *testing.T) {
	pack := func(mode os.FileMode, at time.Time, order ...string) []byte {
		dir := t.TempDir()
		root := filepath.Join(dir, "root")
		for _, name := range order {
			path := filepath.Join(root, name)
			must(t, os.MkdirAll(filepath.Dir(path), mode|0o111))
			must(t, os.WriteFile(path, []byte(name), mode))
			must(t, os.Chtimes(path, at, at))
		}
		must(t, os.Chmod(filepath.Join(root, "b/run"), mode|0o100))
		path := filepath.Join(dir, "x.tar.gz")
		must(t, writeTar(path, root, commitTime))
		data, err := os.ReadFile(path)
		must(t, err)
		return data
	}
	one := pack(0o600, time.Unix(1, 0), "a", "b/run", "b/c")
	other := pack(0o664, time.Unix(2e9, 0), "b/c", "b/run", "a")
	if !bytes.Equal(one, other) {
		t.Error("they differ")
	}
	list := exec.Command("tar", "-tvzf", "-", "--utc", "--full-time", "--numeric-owner")
	list.Stdin = bytes.NewReader(one)
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	want := `-rw-r--r-- 0/0 1 2026-01-02 03:04:05 a
drwxr-xr-x 0/0 0 2026-01-02 03:04:05 b/
-rw-r--r-- 0/0 3 2026-01-02 03:04:05 b/c
-rwxr-xr-x 0/0 5 2026-01-02 03:04:05 b/run`
	if got := strings.Join(strings.Fields(string(out)), " "); got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("tar lists\n%s\nwant\n%s", out, want)
	}
}

// The settings of the package are the example's, with another data folder.
func TestSettingsOfThePackage(t *testing.T) {
	b := &build{source: source{root: "../.."}}
	path := filepath.Join(t.TempDir(), "etc/settings.yaml")
	must(t, b.settings(path))
	text, err := os.ReadFile(path)
	must(t, err)
	var on []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			on = append(on, line)
		}
	}
	if got := strings.Join(on, "\n"); got != "data-dir: /var/lib/warg" {
		t.Errorf("settings that are not off: %q", got)
	}
}

// A module whose licence is not found stops the build: nothing is given to people without.
func TestModulesWithoutALicence(t *testing.T) {
	dir := t.TempDir()
	if got, err := terms(dir); err == nil {
		t.Errorf("nothing was taken for %q", got)
	}
	must(t, os.WriteFile(filepath.Join(dir, "licensing.go"), []byte("package x"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "LICENCE.md"), []byte("Do as you like.\r\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "NOTICE"), []byte("By us.\n"), 0o600))
	got, err := terms(dir)
	must(t, err)
	if want := "\nLICENCE.md:\n\nDo as you like.\n\nNOTICE:\n\nBy us.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An SBOM says which tool wrote it, but nothing of the machine that this was built on.
func TestSBOMsAreTheSameOnOtherMachines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	var made []string
	for _, hash := range []string{"aa", "bb"} {
		must(t, os.WriteFile(path, []byte(`{"metadata":{"tools":[{"name":"x","hashes":[{"content":"`+hash+`"}]}]},"version":1}`), 0o600))
		must(t, withoutToolHashes(path))
		text, err := os.ReadFile(path)
		must(t, err)
		made = append(made, string(text))
	}
	if made[0] != made[1] || !strings.Contains(made[0], `"name": "x"`) {
		t.Errorf("got %q", made)
	}
	must(t, os.WriteFile(path, []byte(`{"metadata":{}}`), 0o600))
	if err := withoutToolHashes(path); err == nil {
		t.Error("an SBOM of another form was taken")
	}
}
