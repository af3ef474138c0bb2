package discovery

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Where the disk takes nothing more, searches are answered from what is there; once it does
// again, the index catches up.
func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.release("example:first", "1.0.0", key, component("First", nil, nil))
	x := w.index()
	limit := func(pages int) { // in place of a full disk
		x.mu.RLock()
		defer x.mu.RUnlock()
		x.db.writes.Each(func(conn *sql.Conn) {
			if _, err := conn.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
				t.Error(err)
			}
		})
	}
	limit(1) // of those that there are
	for i := range 50 {
		w.release(fmt.Sprintf("example:more-%d", i), "1.0.0", key, component(strings.Repeat(fmt.Sprintf("word%d ", i), 200), nil, nil))
	}
	w.eventually("the disk is full", func() bool { return len(x.Remarks()) == 1 && strings.Contains(x.Remarks()[0], "can not be written") })
	for range 10 {
		if page, err := x.Search(t.Context(), discovery.Query{Search: "first"}); err != nil || names(page) != "example:first 1.0.0" {
			t.Fatalf("%s, %v", names(page), err)
		}
	}
	limit(1 << 30)
	w.upToDate(x)
	if page, err := x.Search(t.Context(), discovery.Query{Search: "word49"}); err != nil || names(page) != "example:more-49 1.0.0" || x.Remarks() != nil {
		t.Errorf("%s, %v, %s", names(page), err, x.Remarks())
	}
}

// An index whose file is removed is made anew, though nothing is published, and says so.
func TestRemovedFile(t *testing.T) {
	w := newWorld(t)
	w.release("example:a", "1.0.0", newKey(t), component("A", nil, nil))
	dir := t.TempDir()
	o := w.options(dir)
	var log lines
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	x, _ := w.start(o)
	w.upToDate(x)
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	w.eventually("the index is made anew", func() bool {
		_, err := os.Stat(filepath.Join(dir, FileName))
		return err == nil && strings.Contains(log.String(), "was removed or replaced while it was in use")
	})
	w.upToDate(x)
	if strings.Contains(log.String(), "put the file back") {
		t.Errorf("the advice is wrong: %s", log.String())
	}
}

// lines are those of a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
