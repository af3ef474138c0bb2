package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func hookedFolder(t *testing.T, options FolderOptions, hook func(op, path string) error) (*Folder, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := openFolder(dir, options, &hookedFiles{hook: hook})
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

// Whatever the file system says no to, and when: the error says what is the matter,
// nothing is left behind, and when it is over, content is stored again.
func TestFolderThatTakesNothing(t *testing.T) {
	data := []byte("data")
	digest := protocol.HashOf(data)
	for _, errno := range []struct {
		err   syscall.Errno
		state string
		full  bool
	}{
		{syscall.ENOSPC, "no space left", true},
		{syscall.EDQUOT, "quota", true},
		{syscall.EROFS, "read-only", false},
		{syscall.ENOENT, "missing", false},
		{syscall.EACCES, "may not be written", false},
		{syscall.EIO, "disk that fails", false},
	} {
		var fail failure
		f, dir := hookedFolder(t, FolderOptions{}, fail.hook)
		put := func() error {
			_, err := f.Put(t.Context(), digest, bytes.NewReader(data), nil)
			return err
		}
		probe := func() error { return f.Probe(t.Context()) }
		for _, op := range []string{"create", "write", "sync", "rename", "chmod", "sync folder"} {
			for what, do := range map[string]func() error{"Put": put, "Probe": probe} {
				if what == "Probe" && (op == "chmod" || op == "sync folder") {
					continue // it does neither
				}
				fail.set(op, errno.err)
				err := do()
				var unavailable *UnavailableError
				switch {
				case !errors.As(err, &unavailable):
					t.Errorf("%s, %s fails with %v: got %v", what, op, errno.err, err)
				case unavailable.Full != errno.full || !strings.Contains(err.Error(), errno.state) || !strings.Contains(err.Error(), dir):
					t.Errorf("%s, %s fails with %v: got %v, full: %v", what, op, errno.err, err, unavailable.Full)
				case strings.Contains(unavailable.Reason(), dir) || unavailable.Reason() == "":
					t.Errorf("a client is told %q", unavailable.Reason())
				case !errors.Is(err, errno.err):
					t.Errorf("%v does not unwrap to %v", err, errno.err)
				}
				if left := names(t, dir); len(left) != 0 && op != "sync folder" {
					t.Errorf("%s, %s fails: left behind: %q", what, op, left)
				}
				fail.set("", nil)
				if err := do(); err != nil {
					t.Errorf("%s afterwards: %v", what, err)
				}
				os.Remove(f.path(digest))
			}
		}
	}
}

// The real thing: folders that are gone, or not to be written to.
func TestProbe(t *testing.T) {
	f, dir := newFolder(t, 0)
	if err := f.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	gone := func(what string) {
		t.Helper()
		data := []byte("data")
		for _, err := range []error{f.Probe(t.Context()), putErr(f, data)} {
			var unavailable *UnavailableError
			if !errors.As(err, &unavailable) || unavailable.Full || unavailable.Dir != dir || !strings.Contains(err.Error(), "is missing") {
				t.Errorf("without %s: %v", what, err)
			}
		}
	}
	for _, sub := range []string{"files", "tmp"} {
		if err := os.Rename(filepath.Join(dir, sub), filepath.Join(dir, "elsewhere")); err != nil {
			t.Fatal(err)
		}
		gone(sub)
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
		if err := os.Rename(filepath.Join(dir, "elsewhere"), filepath.Join(dir, sub)); err != nil {
			t.Fatal(err)
		}
		if err := f.Probe(t.Context()); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	gone("everything")
	if _, err := f.Open(t.Context(), protocol.Hash{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("opening content then: %v", err)
	}
}

func putErr(f *Folder, data []byte) error {
	_, err := f.Put(context.Background(), protocol.HashOf(data), bytes.NewReader(data), nil)
	return err
}

// A disk that hangs does not hang those who ask for it, nor pile up work.
func TestProbeOfSilentDisk(t *testing.T) {
	hang, entered := make(chan struct{}), make(chan struct{}, 10)
	var silent bool
	f, _ := hookedFolder(t, FolderOptions{}, func(op, _ string) error {
		if op == "sync" && silent {
			entered <- struct{}{}
			<-hang
		}
		return nil
	})
	silent = true
	late := errors.New("too late")
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			if len(entered) == 0 {
				entered <- <-entered // wait until the disk hangs
			}
			cancel(late)
		}()
		var unavailable *UnavailableError
		if err := f.Probe(ctx); !errors.As(err, &unavailable) || !errors.Is(err, late) || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("got %v", err)
		}
	}
	if len(entered) != 1 {
		t.Errorf("%d probes hang, want 1", len(entered))
	}
	close(hang)
	f.probing <- struct{}{} // it has ended
	<-f.probing
	if err := f.Probe(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// freeFiles says how much is free.
type freeFiles struct {
	osFiles
	free int64
}

func (f *freeFiles) Free(string) (int64, error) { return f.free, nil }

func TestSpaceThatStaysFree(t *testing.T) {
	dir := t.TempDir()
	files := &freeFiles{free: 99}
	f, err := openFolder(dir, FolderOptions{MinFree: 100}, files)
	if err != nil {
		t.Fatalf("a full disk keeps the folder from being opened: %v", err)
	}
	refused := func(err error) {
		t.Helper()
		var noSpace *NoSpaceError
		if !errors.As(err, &noSpace) || noSpace.Free != 99 || noSpace.Needed != 100 || noSpace.Dir != dir {
			t.Errorf("got %v", err)
		}
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	data := make([]byte, 3*spaceStretch)
	refused(putErr(f, data))
	refused(f.Probe(t.Context()))

	files.free = 100
	if err := f.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	// It runs out half way.
	half := io.MultiReader(bytes.NewReader(data[:spaceStretch/2]), cancelReader(func() { files.free = 99 }), bytes.NewReader(data))
	_, err = f.Put(t.Context(), protocol.HashOf(data), half, nil)
	refused(err)

	files.free = 100
	if err := putErr(f, data); err != nil {
		t.Error(err)
	}
}

// The real disk has some space, and not as much as this.
func TestRealFreeSpace(t *testing.T) {
	f, err := OpenFolder(t.TempDir(), FolderOptions{MinFree: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	var noSpace *NoSpaceError
	if err := f.Probe(t.Context()); !errors.As(err, &noSpace) || noSpace.Free <= 0 || noSpace.Free >= 1<<60 {
		t.Errorf("got %v", err)
	}
}

func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	for _, test := range []struct {
		private      bool
		file, folder fs.FileMode
	}{{false, 0o644, 0o755}, {true, 0o600, 0o700}} {
		dir := filepath.Join(t.TempDir(), "content")
		f, err := OpenFolder(dir, FolderOptions{Private: test.private})
		if err != nil {
			t.Fatal(err)
		}
		mode := func(path string, want fs.FileMode) {
			t.Helper()
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("private %v: %s has mode %v, %v; want %v", test.private, path, info.Mode(), err, want)
			}
		}
		data := []byte("data")
		digest := protocol.HashOf(data)
		check := func(context.Context, io.ReaderAt, int64) error {
			mode(filepath.Join(dir, names(t, dir)[0]), 0o600) // the upload
			return nil
		}
		if _, err := f.Put(t.Context(), digest, bytes.NewReader(data), check); err != nil {
			t.Fatal(err)
		}
		mode(f.path(digest), test.file)
		for _, d := range []string{dir, f.files, f.tmp} {
			mode(d, test.folder)
		}
	}
}

func TestSweepUploads(t *testing.T) {
	f, dir := newFolder(t, 0)
	old := time.Now().Add(-45 * time.Minute)
	write := func(name string, at time.Time) string {
		path := filepath.Join(f.tmp, name)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("upload-killed", old)
	write("probe-killed", old)
	young := write("upload-young", time.Now())

	// One that is old, for its client sends nothing, but still there.
	other, err := OpenFolder(dir, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("slow")
	slow, sent := io.Pipe()
	stored := make(chan error)
	go func() {
		_, err := other.Put(t.Context(), protocol.HashOf(data), slow, nil)
		stored <- err
	}()
	if _, err := sent.Write(data[:2]); err != nil {
		t.Fatal(err)
	}
	if _, err := sent.Write(data[2:3]); err != nil { // so the first part is written
		t.Fatal(err)
	}
	for _, name := range names(t, f.tmp) {
		if path := filepath.Join(f.tmp, name); path != young {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}

	if removed, err := f.SweepUploads(t.Context(), 30*time.Minute); removed != 2 || err != nil {
		t.Errorf("removed %d, %v; want the 2 of killed processes", removed, err)
	}
	if got := names(t, f.tmp); len(got) != 2 {
		t.Errorf("left: %q; want the young one and the slow one", got)
	}
	if _, err := sent.Write(data[3:]); err != nil {
		t.Fatal(err)
	}
	sent.Close()
	if err := <-stored; err != nil {
		t.Errorf("the slow upload: %v", err)
	}
	if removed, err := f.SweepUploads(t.Context(), -time.Second); removed != 1 || err != nil {
		t.Errorf("removed %d, %v; want the young one", removed, err)
	}
	mustHave(t, f, protocol.HashOf(data))
}
