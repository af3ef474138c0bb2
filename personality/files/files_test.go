package files

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func write(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	for text, want := range map[string]string{"": "", "text\r\n": "text\r\n", "\ufefftext": "text", "12345678": "12345678"} {
		for _, f := range []func(string, int64) ([]byte, error){Read, ReadOnce} {
			if got, err := f(write(t, text), 8); err != nil || string(got) != want {
				t.Errorf("%q was read as %q, %v", text, got, err)
			}
		}
	}
	link := filepath.Join(t.TempDir(), "link") // as Kubernetes gives secrets
	if err := os.Symlink(write(t, "linked"), link); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(link, 8); err != nil || string(got) != "linked" {
		t.Errorf("through a link: %q, %v", got, err)
	}
}

func TestReadRefuses(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for want, path := range map[string]string{
		"no such file":         filepath.Join(t.TempDir(), "none"),
		"is a folder":          t.TempDir(),
		"is a device":          os.DevNull,
		"is a pipe":            pipe(t), // that nobody writes into: it must not be waited for
		"socket":               socket,
		"larger than 1 KiB":    write(t, strings.Repeat("secret!", 200)),
		"written in UTF-16":    write(t, "\xff\xfes\x00"),
		"UTF-16; save it as U": write(t, "\xfe\xff\x00s"),
	} {
		_, err := Read(path, 1<<10)
		if want == "socket" && err != nil { // the system refuses to open it, in words of its own
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret!") {
			t.Errorf("error %v, want %q of %s", err, want, path)
		}
	}
}

func TestReadOnceFromPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		w.WriteString("from a ")
		w.WriteString("pipe")
		w.Close()
	}()
	name := fmt.Sprintf("/proc/self/fd/%d", r.Fd())
	if got, err := ReadOnce(name, 100); err != nil || string(got) != "from a pipe" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := ReadOnce(pipe(t), 100); err != nil || len(got) > 0 {
		t.Errorf("a pipe that nobody writes into: %q, %v", got, err)
	}
	held := pipe(t) // by somebody who does not write and does not end
	writer, err := os.OpenFile(held, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := read(held, 100, time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not end within 1ms") {
		t.Errorf("a pipe that does not end: %v", err)
	}
}

func TestCreateSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := CreateSecret(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	if err := CreateSecret(path, []byte("second")); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("over a file that is there: %v", err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "target"), dangling); err != nil {
		t.Fatal(err)
	}
	if err := CreateSecret(dangling, []byte("third")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a link to nothing: %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, []byte("first")) {
		t.Errorf("the file holds %q (%v)", data, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left over: %v (%v)", entries, err)
	}
	if err := CreateSecret(filepath.Join(dir, "none", "secret"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

func TestPrepareSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	mode := func(name string, want fs.FileMode) {
		t.Helper()
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v (%v)", filepath.Base(name), info.Mode().Perm(), want, err)
		}
	}
	if err := PrepareSQLite(path); err != nil {
		t.Fatal(err)
	}
	mode(path, 0o600)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.WriteFile(name, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o664); err != nil {
			t.Fatal(err)
		}
	}
	if err := PrepareSQLite(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		mode(name, 0o600)
		if data, err := os.ReadFile(name); err != nil || string(data) != "kept" {
			t.Errorf("%s holds %q (%v)", name, data, err)
		}
	}
}
