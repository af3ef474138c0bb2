package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write := func(text string, err error) error {
		return Replace(path, 0o640, func(f *os.File) error {
			_, failed := f.WriteString(text)
			return errors.Join(failed, err)
		})
	}
	broken := errors.New("broken")
	if err := write("half", broken); !errors.Is(err, broken) {
		t.Errorf("a write that fails: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a write that failed left a file: %v", err)
	}
	for _, text := range []string{"first", "second"} {
		if err := write(text, nil); err != nil {
			t.Fatal(err)
		}
		if err := write("half", broken); !errors.Is(err, broken) {
			t.Errorf("a write that fails: %v", err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("the file holds %q, %v, want %q", got, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("the folder has %v, %v", all, err)
	}
	if err := Replace(filepath.Join(dir, "missing", "file"), 0o600, func(*os.File) error { return nil }); !os.IsNotExist(err) {
		t.Errorf("in a folder that is missing: %v", err)
	}
}
