package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func newFolder(t *testing.T, maxSize int64) (*Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "content")
	f, err := OpenFolder(dir, FolderOptions{MaxSize: maxSize})
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

// names lists the files below dir, relative to it.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			path, err = filepath.Rel(dir, path)
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPutAndOpen(t *testing.T) {
	f, dir := newFolder(t, 0)
	data := bytes.Repeat([]byte("some content "), 100_000)
	digest := protocol.HashOf(data)

	if _, err := f.Open(t.Context(), digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("Open before Put: %v", err)
	}
	if has, err := f.Has(t.Context(), digest); has || err != nil {
		t.Errorf("Has before Put: %v, %v", has, err)
	}
	var checked []byte
	check := func(_ context.Context, r io.ReaderAt, size int64) (err error) {
		if has, _ := f.Has(t.Context(), digest); has && checked == nil {
			t.Error("content is visible before its check")
		}
		checked, err = io.ReadAll(io.NewSectionReader(r, 0, size))
		return err
	}
	for range 2 { // the second time it is there already
		size, err := f.Put(t.Context(), digest, iotest.OneByteReader(bytes.NewReader(data[:10])), check)
		var mismatch *MismatchError
		if !errors.As(err, &mismatch) {
			t.Fatalf("Put of a part: %d, %v", size, err)
		}
		size, err = f.Put(t.Context(), digest, bytes.NewReader(data), check)
		if err != nil || size != int64(len(data)) || !bytes.Equal(checked, data) {
			t.Fatalf("Put: size %d, checked %d bytes, %v", size, len(checked), err)
		}
	}
	if has, err := f.Has(t.Context(), digest); !has || err != nil {
		t.Errorf("Has: %v, %v", has, err)
	}
	wantFile := filepath.Join("files", fmt.Sprintf("sha256-%x", digest[:]))
	if got := names(t, dir); len(got) != 1 || got[0] != wantFile {
		t.Errorf("the folder holds %q, want %q", got, wantFile)
	}

	c, err := f.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Seek(13, io.SeekStart); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data[13:]) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if c.Size() != int64(len(data)) || time.Since(c.ModTime()).Abs() > time.Hour {
		t.Errorf("size %d, time %v", c.Size(), c.ModTime())
	}
}

// Whatever goes wrong, the error says what, and nothing is left behind.
func TestPutFailures(t *testing.T) {
	data := []byte("0123456789")
	digest := protocol.HashOf(data)
	broken := errors.New("the connection broke")
	refused := &RejectedError{Reason: "not today"}
	cancelled, cancel := context.WithCancel(t.Context())
	for _, test := range []struct {
		name   string
		ctx    context.Context
		digest protocol.Hash
		r      io.Reader
		check  Check
		failed func(error) bool
	}{
		{"mismatch", t.Context(), protocol.Hash{1}, bytes.NewReader(data), nil, func(err error) bool {
			return err.Error() == fmt.Sprintf("content digest `%s` does not match expected digest `%s`", digest, protocol.Hash{1})
		}},
		{"too large", t.Context(), digest, io.MultiReader(bytes.NewReader(data), bytes.NewReader([]byte{0}), iotest.ErrReader(broken)), nil, func(err error) bool {
			var tooLarge *TooLargeError
			return errors.As(err, &tooLarge) && tooLarge.Limit == 10
		}},
		{"interrupted", t.Context(), digest, io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)), nil, func(err error) bool {
			return errors.Is(err, broken)
		}},
		{"cancelled", cancelled, digest, io.MultiReader(bytes.NewReader(data[:5]), cancelReader(cancel), bytes.NewReader(data[5:])), nil, func(err error) bool {
			return errors.Is(err, context.Canceled)
		}},
		{"refused", t.Context(), digest, bytes.NewReader(data), func(context.Context, io.ReaderAt, int64) error { return refused }, func(err error) bool {
			var rejected *RejectedError
			return errors.As(err, &rejected) && rejected == refused
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, dir := newFolder(t, 10)
			_, err := f.Put(test.ctx, test.digest, test.r, test.check)
			if err == nil || !test.failed(err) {
				t.Errorf("got %v", err)
			}
			if left := names(t, dir); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
			if size, err := f.Put(t.Context(), digest, bytes.NewReader(data), nil); size != 10 || err != nil {
				t.Errorf("Put of good content afterwards: %d, %v", size, err)
			}
		})
	}
}

// cancelReader calls the function when it is read, and is empty.
type cancelReader func()

func (c cancelReader) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

func TestConcurrentPut(t *testing.T) {
	f, dir := newFolder(t, 0)
	data := bytes.Repeat([]byte{7}, 300_000)
	digest := protocol.HashOf(data)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := f.Put(t.Context(), digest, bytes.NewReader(data), nil); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() { // seen whole or not at all
			c, err := f.Open(t.Context(), digest)
			if errors.Is(err, ErrNotFound) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %q", got)
	}
}

func TestOpenFolderClearsLeftovers(t *testing.T) {
	_, dir := newFolder(t, 0)
	old, young := filepath.Join(dir, "tmp", "old"), filepath.Join(dir, "tmp", "young")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * leftoverAge)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(dir, FolderOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 1 || got[0] != filepath.Join("tmp", "young") {
		t.Errorf("left: %q", got)
	}
}

func TestOpenFolderFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(filepath.Join(file, "content"), FolderOptions{}); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}

	if os.Getuid() == 0 {
		t.Skip("modes do not keep root from writing: the part about read-only folders is left out")
	}
	_, dir := newFolder(t, 0)
	if err := os.Chmod(filepath.Join(dir, "files"), 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(dir, FolderOptions{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a read-only folder: %v", err)
	}
}

// A full disk, by way of the limit on file sizes that the kernel enforces.
func TestPutToFullDisk(t *testing.T) {
	f, dir := newFolder(t, 0)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := syscall.Rlimit{Cur: 100_000, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1<<20)
	_, err := f.Put(t.Context(), protocol.HashOf(data), bytes.NewReader(data), nil)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("got %v, want EFBIG", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// The two halves together: what the server does with an upload.
func TestPutWithWasmPolicy(t *testing.T) {
	f, dir := newFolder(t, 0)
	p := newPolicy(t)
	good, bad := manyFunctions(100), manyFunctions(100)[:1000]
	if _, err := f.Put(t.Context(), protocol.HashOf(good), bytes.NewReader(good), p.Check); err != nil {
		t.Error(err)
	}
	var rejected *RejectedError
	if _, err := f.Put(t.Context(), protocol.HashOf(bad), bytes.NewReader(bad), p.Check); !errors.As(err, &rejected) {
		t.Errorf("invalid content: %v", err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %q", got)
	}
}
