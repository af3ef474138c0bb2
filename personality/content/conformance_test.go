package content_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/content/contenttest"
)

func TestFolderConforms(t *testing.T) {
	contenttest.Run(t, func(t *testing.T) contenttest.Place { return folderPlace(t.TempDir()) })
}

type folderPlace string

func (p folderPlace) Open(t *testing.T) content.Store {
	f, err := content.OpenFolder(string(p), content.FolderOptions{MaxSize: contenttest.MaxSize})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (p folderPlace) Age(t *testing.T) {
	old := time.Now().Add(-24 * time.Hour)
	err := filepath.WalkDir(string(p), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}
