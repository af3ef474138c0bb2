package publisher_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// While the file of the embedded Trillian's database is not in its place nothing is
// published: what was written to it would be lost. When it is back, all is.
func TestTrillianIsMoved(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:before", 1)
	file := filepath.Join(s.Dir, "trillian.db")
	s.Must(os.Rename(file, file+".elsewhere"))
	a := s.Author("example:one")
	status := a.Post(registrytest.Init(a.Key))
	s.Eventually("it notices", func() bool { _, failure := s.Troubles(); return failure != nil })
	if got := a.Status(status.RecordID).State; got != registry.Processing {
		t.Errorf("while the file is away: %v", got)
	}
	s.Must(os.Rename(file+".elsewhere", file))
	if got := a.Wait(status.RecordID); got.State != registry.Published {
		t.Errorf("when it is back: %+v", got)
	}
	s.CheckPublished()
}
