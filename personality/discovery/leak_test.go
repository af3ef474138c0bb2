package discovery

import (
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/openfiles"
)

// A stopped index has nothing open.
func TestStopClosesAll(t *testing.T) {
	w, _, _, _ := shop(t)
	dir := t.TempDir()
	x, stop := w.start(w.options(dir))
	w.upToDate(x)
	everything(t, x)
	stop()
	openfiles.None(t, dir)
}
