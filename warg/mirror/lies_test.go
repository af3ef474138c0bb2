package mirror_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// Whatever file of a registry is wrong or missing, the export says which, and what it
// wrote until then is true.
func TestExportRefusesEachFile(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 600)
	files := r.Files()
	for path, data := range files {
		for what, wrong := range map[string][]byte{
			"a byte changed":  changed(data, len(data)/2),
			"the last byte":   changed(data, len(data)-1),
			"cut off":         data[:len(data)-1],
			"longer":          append(bytes.Clone(data), 0),
			"empty":           {},
			"missing":         nil,
			"larger than all": make([]byte, 2<<20),
		} {
			lie := maps.Clone(files)
			lie[path] = wrong
			if wrong == nil {
				delete(lie, path)
			}
			if what == "larger than all" && strings.Contains(path, "envelopes") {
				continue // 2 MiB are little there
			}
			if what == "the last byte" && strings.Contains(path, "envelopes") {
				continue // it is in a signature, which no leaf commits to
			}
			dir := t.TempDir()
			_, err := export(t, dir, &source{files: lie}, mirror.Options{VKeys: vkeys(r)})
			var inconsistent *mirror.InconsistentError
			switch {
			case err == nil:
				t.Errorf("%s: %s is not noticed", path, what)
			case strings.HasSuffix(path, "/checkpoint") && (wrong == nil || what == "larger than all"):
				if errors.As(err, &inconsistent) {
					t.Errorf("%s: %s: %v", path, what, err)
				}
			case !errors.As(err, &inconsistent):
				t.Errorf("%s: %s: %v", path, what, err)
			case inconsistent.Path != path && !isEdge(path):
				t.Errorf("%s: %s: blamed is %s", path, what, inconsistent.Path)
			}
			for name, written := range folder(t, dir) {
				if !strings.HasSuffix(name, "/vkeys") && !bytes.Equal(written, files[name]) {
					t.Errorf("%s: %s: a wrong %s was written", path, what, name)
				}
			}
		}
	}
}

// isEdge tells whether a path is that of a tile at the right edge: these are verified
// together.
func isEdge(path string) bool {
	return strings.Contains(path, ".p/") && !strings.Contains(path, "entries") && !strings.Contains(path, "envelopes")
}

func changed(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

// A log that does not continue what the folder has is refused, and the folder keeps
// what it had.
func TestExportRefusesOtherLogs(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 300)
	old := r.Files()
	fork := tlogtest.New(t)
	fork.Keys = r.Keys
	grow(fork, 300)
	sameSize := fork.Files()
	grow(fork, 700)
	larger := fork.Files()
	r.FilesAt(old, tlog.Records, 300)
	rewound := map[string][]byte{}
	r.FilesAt(rewound, tlog.Checkpoints, r.Size(tlog.Checkpoints))
	r.FilesAt(rewound, tlog.Records, 299)
	stranger := tlogtest.New(t)
	grow(stranger, 700)
	for what, test := range map[string]struct {
		files map[string][]byte
		says  string
	}{
		"a fork of the same size": {sameSize, "two tree heads of 300 leaves"},
		"a fork that has grown":   {larger, "is forked"},
		"an older tree head":      {rewound, "went back"},
		"another registry":        {stranger.Files(), "not signed by"},
	} {
		dir := t.TempDir()
		if _, err := export(t, dir, &source{files: old}, mirror.Options{VKeys: vkeys(r)}); err != nil {
			t.Fatal(err)
		}
		for _, pinned := range [][]string{vkeys(r), nil} { // or remembered
			_, err := export(t, dir, &source{files: test.files}, mirror.Options{VKeys: pinned})
			var inconsistent *mirror.InconsistentError
			if !errors.As(err, &inconsistent) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", what, err)
			}
			compare(t, dir, old)
		}
	}
}

func TestExportKeys(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 10)
	files := r.Files()
	text := func(log tlog.Log) []byte { return []byte(strings.Join(r.Keys[log].VKeys(), "\n") + "\n") }
	dir := t.TempDir()
	report, err := export(t, dir, &source{files: files}, mirror.Options{})
	if err != nil || report.Logs[0].Keys != mirror.Unchecked {
		t.Errorf("without any key: %v, %+v", err, report)
	}
	other := tlogtest.New(t)
	grow(other, 20)
	if _, err := export(t, dir, &source{files: other.Files()}, mirror.Options{}); err == nil {
		t.Error("without any key, another log is taken for this one")
	}
	for _, log := range tlog.Logs {
		files[log.Path()+"/vkeys"] = text(log)
	}
	report, err = export(t, dir, &source{files: files}, mirror.Options{})
	if err != nil || report.Logs[0].Keys != mirror.FirstUse {
		t.Fatalf("keys of the registry: %v, %+v", err, report)
	}
	files["tlog/records/vkeys"] = []byte("another")
	report, err = export(t, dir, &source{files: files}, mirror.Options{})
	if err != nil || report.Logs[0].Keys != mirror.Remembered {
		t.Errorf("keys are remembered: %v, %+v", err, report)
	}
	if got := folder(t, dir)["tlog/records/vkeys"]; !bytes.Equal(got, text(tlog.Records)) {
		t.Errorf("remembered is %q", got)
	}
	if _, err := export(t, dir, &source{files: files}, mirror.Options{VKeys: vkeys(tlogtest.New(t))}); err == nil {
		t.Error("other keys are pinned, and the notes are believed")
	}
	for what, keys := range map[string][]string{
		"no key":         {"nonsense"},
		"of no registry": tlogtest.NoteKey(t, "witness.example.com").VKeys(),
		"of two":         append(tlogtest.NoteKey(t, "other.example.com/tlog/records").VKeys(), vkeys(r)...),
	} {
		if _, err := export(t, t.TempDir(), &source{files: files}, mirror.Options{VKeys: keys}); err == nil {
			t.Errorf("%s is pinned: no error", what)
		}
	}
	for what, served := range map[string]string{"nothing": "", "nonsense": "x\n", "the other log's": string(text(tlog.Checkpoints)), "a stranger's": tlogtest.NoteKey(t, "registry.example.com/tlog/records").VKeys()[0]} {
		files["tlog/records/vkeys"] = []byte(served)
		dir := t.TempDir()
		if _, err := export(t, dir, &source{files: files}, mirror.Options{}); err == nil {
			t.Errorf("%s is served as key: no error", what)
		}
		if got := folder(t, dir); len(got) != 0 {
			t.Errorf("%s is served as key, and %d files are written", what, len(got))
		}
	}
}

// Two exports at once would take each other's files for left over.
func TestExportLocks(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 10)
	dir := t.TempDir()
	var inner error
	s := &source{files: r.Files()}
	o := mirror.Options{VKeys: vkeys(r), Progress: func(mirror.Progress) {
		_, inner = mirror.Export(t.Context(), dir, mirror.Options{Source: &source{files: r.Files()}, VKeys: vkeys(r)})
	}}
	if _, err := export(t, dir, s, o); err != nil || inner == nil || !strings.Contains(inner.Error(), "another export") {
		t.Errorf("%v; the second one: %v", err, inner)
	}
}

// Failures of asking are told from lies.
func TestExportAway(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 10)
	s := &source{files: r.Files(), fail: func(string) error { return audit.ErrNoAnswer }}
	_, err := export(t, t.TempDir(), s, mirror.Options{VKeys: vkeys(r)})
	var inconsistent *mirror.InconsistentError
	if !errors.Is(err, audit.ErrNoAnswer) || errors.As(err, &inconsistent) {
		t.Error(err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Error("no answer is taken for a missing file")
	}
}
