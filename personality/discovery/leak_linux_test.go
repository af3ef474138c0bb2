package discovery

import (
	"os"
	"strings"
	"testing"
)

// A stopped index has nothing open.
func TestStopClosesAll(t *testing.T) {
	w, _, _, _ := shop(t)
	dir := t.TempDir()
	x, stop := w.start(w.options(dir))
	w.upToDate(x)
	everything(t, x)
	stop()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(name, dir) {
			t.Errorf("%s is still open", name)
		}
	}
}
