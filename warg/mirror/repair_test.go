//go:build unix

package mirror_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Each file that vanishes from a folder, or is cut off, is there again after the next
// export, whether the log has grown or not; and one in which a byte has changed if the
// export verifies.
func TestExportRepairs(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 600)
	small := r.Files()
	grow(r, 700)
	large := r.Files()
	damage := map[string]func(file string) error{
		"removed": os.Remove,
		"empty":   func(file string) error { return os.Truncate(file, 0) },
		"a pipe":  func(file string) error { os.Remove(file); return syscall.Mkfifo(file, 0o644) },
		"a byte changed": func(file string) error {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			return os.WriteFile(file, changed(data, len(data)/2), 0o644)
		},
	}
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r)}
	_, err := export(t, dir, &source{files: small}, o)
	must(t, err)
	for path := range small {
		if strings.HasSuffix(path, "/checkpoint") {
			continue
		}
		for what, do := range damage {
			o.Verify = what == "a byte changed"
			must(t, do(filepath.Join(dir, path)))
			report, err := export(t, dir, &source{files: small}, o)
			if err != nil || report.Logs[0].Repaired+report.Logs[1].Repaired != 1 {
				t.Errorf("%s, %s: %v, %+v", path, what, err, report)
			}
			compare(t, dir, small)
		}
	}
	// Nothing is fetched for a folder that is well, and nothing written but note and keys.
	for _, o.Verify = range []bool{false, true} {
		s := &source{files: small}
		report, err := export(t, dir, s, o)
		if err != nil || report.Logs[0].Repaired+report.Logs[1].Repaired != 0 || report.Logs[0].Files != 2 || len(s.asked) > 12 || !o.Verify && len(s.asked) > 4 {
			t.Errorf("verify %v: %v, %+v, asked %v", o.Verify, err, report, s.asked)
		}
	}
	// While the log grows.
	for path := range small {
		if strings.Contains(path, ".p/") || strings.HasSuffix(path, "/checkpoint") {
			continue
		}
		for what, do := range damage {
			dir := t.TempDir()
			o.Verify = false
			_, err := export(t, dir, &source{files: small}, o)
			must(t, err)
			o.Verify = what == "a byte changed"
			must(t, do(filepath.Join(dir, path)))
			if report, err := export(t, dir, &source{files: large}, o); err != nil || report.Logs[0].Repaired+report.Logs[1].Repaired != 1 {
				t.Errorf("%s, %s, while the log grows: %v, %+v", path, what, err, report)
			}
			compare(t, dir, large)
		}
	}
}

// A folder without its tree head is verified from the beginning, and fetched is only what
// is not as it must be.
func TestExportWithoutTreeHead(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 600)
	files := r.Files()
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r)}
	_, err := export(t, dir, &source{files: files}, o)
	must(t, err)
	note, full := filepath.Join(dir, "tlog/records/checkpoint"), filepath.Join(dir, "tlog/records/tile/entries/001")
	must(t, os.WriteFile(note, []byte("damaged"), 0o644))
	if _, err := export(t, dir, &source{files: files}, o); err == nil || !strings.Contains(err.Error(), "damaged (then remove it") {
		t.Error(err)
	}
	must(t, os.Remove(note))
	must(t, os.WriteFile(full, changed(files["tlog/records/tile/entries/001"], 17), 0o644))
	s := &source{files: files}
	_, err = export(t, dir, s, o)
	must(t, err)
	compare(t, dir, files)
	if s.asked["tlog/records/tile/entries/001"] != 1 || s.asked["tlog/records/tile/entries/000"] != 0 {
		t.Errorf("asked for: %v", s.asked)
	}
}

// Content that vanishes, or is cut off, comes again; content that is changed does if the
// export verifies, and if it can not be had it is gone rather than wrong.
func TestExportRepairsContent(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	contents := [][]byte{[]byte("first"), []byte("second"), []byte("third")}
	for i, content := range contents {
		r.Release("example:a", []string{"1.0.0", "1.0.1", "1.0.2"}[i], content)
	}
	files := r.Files()
	withContent(files, contents...)
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r), Content: true}
	_, err := export(t, dir, &source{files: files}, o)
	must(t, err)
	digest := protocol.HashOf(contents[1])
	file := filepath.Join(dir, mirror.ContentPath(digest))
	list := filepath.Join(dir, ".export/contents")
	other := func() error { return os.WriteFile(file, []byte("sEcond"), 0o644) }
	for what, damage := range map[string]func() error{
		"removed":                func() error { return os.Remove(file) },
		"cut off":                func() error { return os.Truncate(file, 2) },
		"a pipe":                 func() error { os.Remove(file); return syscall.Mkfifo(file, 0o644) },
		"verified":               other,
		"the list is lost":       func() error { os.Remove(list); return other() },
		"the list is damaged":    func() error { os.WriteFile(list, []byte("{\n"), 0o644); return other() },
		"verified, and removed":  func() error { return os.Remove(file) },
		"verified, without list": func() error { os.Remove(list); return other() },
	} {
		o.Verify = strings.HasPrefix(what, "verified")
		must(t, damage())
		s := &source{files: files}
		report, err := export(t, dir, s, o)
		if err != nil || report.Content.Fetched != 1 || report.Content.Repaired != 1 && !strings.Contains(what, "pipe") {
			t.Errorf("%s: %v, %+v", what, err, report.Content)
		}
		if got, err := os.ReadFile(file); string(got) != "second" {
			t.Fatalf("%s: the content is %q, %v", what, got, err)
		}
		if report, err := export(t, dir, s, o); err != nil || report.Content.Fetched != 0 {
			t.Errorf("%s, again: %v, %+v", what, err, report.Content)
		}
	}
	must(t, other())
	delete(files, "http://cdn.example.com/1")
	o.Verify = true
	report, err := export(t, dir, &source{files: files}, o)
	if err != nil || len(report.Content.Withheld) != 1 || report.Content.Withheld[0].Digest != digest {
		t.Errorf("%v, %+v", err, report.Content)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("altered content stays")
	}
}
