//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A download goes through what is no regular file, follows links, and leaves the
// permissions of a file as they are: with and without the content in the content folder.
func TestDownloadDestination(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	newPublisher(t, r.url).release("example:hello", "1.0.0", "first")
	download := func(u *user, output string) {
		t.Helper()
		u.expect(exitDone, "Downloaded version: 1.0.0", "download", "example:hello", "--registry", r.url, "-o", output)
	}
	fresh, kept := newUser(t), newUser(t)
	kept.expect(exitDone, "Downloaded version", "download", "example:hello", "--registry", r.url)
	for _, u := range []*user{fresh, kept} {
		at := func(name string) string { return filepath.Join(u.home, name) }
		must(t, os.WriteFile(at("private.wasm"), []byte("old"), 0o600))
		must(t, os.Symlink("private.wasm", at("link.wasm")))
		must(t, os.Symlink("later.wasm", at("dangling.wasm")))
		download(u, "link.wasm")
		download(u, "dangling.wasm")
		for _, link := range []string{"link.wasm", "dangling.wasm"} {
			if info, err := os.Lstat(at(link)); err != nil || info.Mode()&os.ModeSymlink == 0 {
				t.Errorf("%s is no link any more: %v, %v", link, info, err)
			}
			if got := u.read(link); got != "first" {
				t.Errorf("%s has %q", link, got)
			}
		}
		if info, err := os.Stat(at("private.wasm")); err != nil || info.Mode() != 0o600 {
			t.Errorf("the permissions became %v, %v", info.Mode(), err)
		}

		must(t, syscall.Mkfifo(at("pipe"), 0o600))
		read := make(chan string, 1)
		go func() {
			text, err := os.ReadFile(at("pipe"))
			if err != nil {
				t.Error(err)
			}
			read <- string(text)
		}()
		download(u, "pipe")
		info, err := os.Lstat(at("pipe"))
		must(t, err)
		if info.Mode()&os.ModeNamedPipe == 0 {
			t.Fatalf("the pipe became %v", info.Mode())
		}
		if got := <-read; got != "first" {
			t.Errorf("the pipe gave %q", got)
		}
		download(u, os.DevNull)
	}
}

// A folder that is not there is not made: it may be misspelt.
func TestDownloadMakesNoFolder(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:hello", "1.0.0", "hello")
	for _, path := range []string{"missing/x.wasm", "missing/", "missing/deeper/x.wasm"} {
		u.expect(exitUsage, "make it first", "download", "example:hello", "-o", path)
	}
	if _, err := os.Stat(filepath.Join(u.home, "missing")); !os.IsNotExist(err) {
		t.Errorf("the folder: %v", err)
	}
}
