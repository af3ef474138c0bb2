package content

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// trace is what was done to the file system, in order: "operation path", the path
// relative to the folder under test, without what is random in names.
type trace struct {
	dir  string
	done []string
}

func (tr *trace) hook(op, path string) error {
	rel, err := filepath.Rel(tr.dir, path)
	if err != nil {
		return err
	}
	if name := filepath.Base(rel); strings.HasPrefix(name, "upload-") {
		rel = filepath.Join(filepath.Dir(rel), "upload")
	}
	tr.done = append(tr.done, op+" "+rel)
	return nil
}

// position is where in the trace something was last done.
func (tr *trace) position(t *testing.T, step string) int {
	t.Helper()
	for i, done := range slices.Backward(tr.done) {
		if done == step {
			return i
		}
	}
	t.Fatalf("%q was not done, but %q", step, tr.done)
	return 0
}

// What is acknowledged outlasts a loss of power: what a file holds is durable before it
// has its name, and the name before Put returns.
func TestPutSurvivesLossOfPower(t *testing.T) {
	tr := &trace{dir: t.TempDir()}
	f, err := openFolder(tr.dir, FolderOptions{}, &hookedFiles{hook: tr.hook})
	if err != nil {
		t.Fatal(err)
	}
	tr.done = nil
	data := bytes.Repeat([]byte("some content "), 10_000)
	if _, err := f.Put(t.Context(), protocol.HashOf(data), bytes.NewReader(data), nil); err != nil {
		t.Fatal(err)
	}
	order := []string{"create tmp/upload", "write tmp/upload", "chmod tmp/upload", "sync tmp/upload", "rename tmp/upload", "sync folder files"}
	last := -1
	for _, step := range order {
		at := tr.position(t, step)
		if at < last {
			t.Errorf("%q is not in its place: %q", step, tr.done)
		}
		last = at
	}
}

// A folder that was made outlasts a loss of power: its name is durable in the folder
// above it, and so for each that was made.
func TestNewFoldersSurviveLossOfPower(t *testing.T) {
	tr := &trace{dir: t.TempDir()}
	dir := filepath.Join(tr.dir, "a", "b", "content")
	if _, err := openFolder(dir, FolderOptions{}, &hookedFiles{hook: tr.hook}); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{"a", "a/b", "a/b/content", "a/b/content/files", "a/b/content/tmp"} {
		above := filepath.Dir(made)
		if tr.position(t, "mkdir "+made) > tr.position(t, "sync folder "+above) {
			t.Errorf("%s is made, and then %s is not made durable: %q", made, above, tr.done)
		}
	}
	// When they are there, another process may have made them a moment ago.
	tr.done = nil
	if _, err := openFolder(dir, FolderOptions{}, &hookedFiles{hook: tr.hook}); err != nil {
		t.Fatal(err)
	}
	tr.position(t, "sync folder a/b")
	tr.position(t, "sync folder a/b/content")
}

// Content that a collection puts back is durable under its name again.
func TestPuttingBackSurvivesLossOfPower(t *testing.T) {
	tr := &trace{dir: t.TempDir()}
	f, err := openFolder(tr.dir, FolderOptions{}, &hookedFiles{hook: tr.hook})
	if err != nil {
		t.Fatal(err)
	}
	digest := putOld(t, f, []byte("data"))
	tr.done = nil
	if _, err := f.Collect(t.Context(), minCollectAge, namedTheSecondTime()); err != nil {
		t.Fatal(err)
	}
	mustHave(t, f, digest)
	if last := tr.done[len(tr.done)-2]; last != "sync folder files" { // mustHave looks
		t.Errorf("got %q, want the folder made durable last", tr.done)
	}
}
