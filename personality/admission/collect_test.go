package admission

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Content that no record names is removed when it is old; what an accepted or
// waiting record names stays, however old it is, and so does what is new.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	folder, err := content.OpenFolder(dir, content.FolderOptions{MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	a := newAdmission(t)
	a.options.Contents, a.options.ContentRetention = folder, time.Hour
	put := func(text string) protocol.Hash {
		digest := protocol.HashOf([]byte(text))
		if _, err := folder.Put(context.Background(), digest, strings.NewReader(text), nil); err != nil {
			t.Fatal(err)
		}
		return digest
	}
	accepted, waits := newChain(t, "example:one"), newChain(t, "example:two")
	inLog := accepted.submit(accepted.init(), releaseOf("1.0.0", "accepted"))
	inLog.submission.here = inLog.submission.contents
	beside := waits.submit(waits.init(), releaseOf("1.0.0", "waits"), releaseOf("2.0.0", "missing"))
	beside.submission.here = beside.submission.contents[:1]
	commit(t, a, inLog, beside)
	stay := []protocol.Hash{put("accepted"), put("waits")}
	goes := put("nobody's")
	old := time.Now().Add(-2 * time.Hour)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	stay = append(stay, put("nobody's yet"))
	if _, err := a.collect(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, digest := range stay {
		if has, err := folder.Has(context.Background(), digest); !has || err != nil {
			t.Errorf("content %s is gone, error %v", digest, err)
		}
	}
	if has, err := folder.Has(context.Background(), goes); has || err != nil {
		t.Errorf("what nothing names is there: %v, %v", has, err)
	}
}
