package audit

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// filesOnly is a source without the v1 API, as a file server is.
type filesOnly struct{ *world }

func (s filesOnly) Open(ctx context.Context, r Request) (int, io.ReadCloser, error) {
	if !strings.HasPrefix(r.Path, "tlog/") {
		return 404, io.NopCloser(strings.NewReader("")), nil
	}
	return s.world.Open(ctx, r)
}

// largeWorld has records of some packages under some checkpoints.
func largeWorld(t testing.TB, records, packages, checkpoints int) *world {
	w := emptyWorld(t)
	w.keepMaps = false
	w.begin()
	for i := range records - 1 {
		w.release(fmt.Sprintf("example:p%s", letters(i%packages)), fmt.Sprintf("1.%d.0", i))
		if i*checkpoints/records != (i+1)*checkpoints/records {
			w.checkpoint()
		}
	}
	w.checkpoint()
	clear(w.contents)
	return w
}

func letters(n int) string {
	text := ""
	for ; n > 0 || text == ""; n /= 26 {
		text += string(rune('a' + n%26))
	}
	return text
}

func (w *world) fileOptions() Options {
	o := w.options()
	o.Content = false
	return o
}

func TestSeveralTiles(t *testing.T) {
	w := largeWorld(t, 1500, 40, 30)
	a, err := New(filesOnly{w}, new(MemoryStore), w.fileOptions())
	must(t, err)
	report, err := a.Round(context.Background())
	must(t, err)
	if !report.Clean() || report.Records != 1500 || len(report.Unchecked) != 1 {
		t.Errorf("%+v", report)
	}
	for _, file := range []tlog.File{
		{Kind: tlog.Tile, Level: 0, Index: 2, Width: 256},
		{Kind: tlog.Tile, Level: 0, Index: 5, Width: 220},
		{Kind: tlog.Tile, Level: 1, Index: 0, Width: 5},
		{Kind: tlog.Entries, Index: 3, Width: 256},
		{Kind: tlog.Entries, Index: 5, Width: 220},
	} {
		path := tlog.Records.Path() + "/" + file.Path()
		w.tamper = tampered(path, flip)
		a, err := New(filesOnly{w}, new(MemoryStore), w.fileOptions())
		must(t, err)
		report, err := a.Round(context.Background())
		must(t, err)
		if len(report.Findings) != 1 || report.Findings[0].Name != TileDiffers {
			t.Fatalf("%s: %+v", path, report.Findings)
		}
		checkEvidence(t, report.Findings[0])
	}
}

// crashing is a store whose commits fail after a while, as a process that is killed.
type crashing struct {
	*MemoryStore
	left int
}

func (s *crashing) Commit(ctx context.Context, changes []Put) error {
	if s.left--; s.left < 0 {
		return io.ErrUnexpectedEOF
	}
	return s.MemoryStore.Commit(ctx, changes)
}

// A round that is killed at any commit goes on from there, and comes to the same end.
func TestCrash(t *testing.T) {
	w := newWorld(t)
	w.some(20)
	o := w.options()
	o.CommitEvery = 5
	reference := new(MemoryStore)
	a, err := New(w, reference, o)
	must(t, err)
	_, err = a.Round(context.Background())
	must(t, err)
	for crash := 0; ; crash++ {
		store := new(MemoryStore)
		a, err := New(w, &crashing{store, crash}, o)
		must(t, err)
		_, err = a.Round(context.Background())
		report := w.clean(store)
		if report.Records != uint64(len(w.records)) || len(report.Unchecked) > 0 {
			t.Errorf("after a crash at commit %d: %+v", crash, report)
		}
		for space, values := range reference.spaces {
			if len(store.spaces[space]) != len(values) {
				t.Errorf("after a crash at commit %d there are %d values in %s, not %d", crash, len(store.spaces[space]), space, len(values))
			}
		}
		if err == nil {
			if crash < 3 {
				t.Errorf("there were only %d commits", crash)
			}
			return
		}
	}
}

// BenchmarkAudit audits 100,000 records and 2,000 checkpoints of a file server from
// nothing, and then one checkpoint more.
func BenchmarkAudit(b *testing.B) {
	w := largeWorld(b, 100_000, 5_000, 2_000)
	for b.Loop() {
		store := new(MemoryStore)
		a, err := New(filesOnly{w}, store, w.fileOptions())
		must(b, err)
		report, err := a.Round(context.Background())
		must(b, err)
		if !report.Clean() || report.Records < 100_000 || report.Checkpoints < 2_000 {
			b.Fatalf("%+v", report)
		}
		b.StopTimer()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		stored := 0
		for _, values := range store.spaces {
			for key, value := range values {
				stored += len(key) + len(value)
			}
		}
		b.ReportMetric(float64(m.HeapAlloc>>20), "MB-heap-with-store-and-world")
		b.ReportMetric(float64(stored>>20), "MB-stored")
		b.StartTimer()
	}
}

// BenchmarkOneMore audits one checkpoint more.
func BenchmarkOneMore(b *testing.B) {
	w := largeWorld(b, 20_000, 2_000, 400)
	store := new(MemoryStore)
	a, err := New(filesOnly{w}, store, w.fileOptions())
	must(b, err)
	_, err = a.Round(context.Background())
	must(b, err)
	n := 0
	for b.Loop() {
		w.release("example:pa", fmt.Sprintf("2.%d.0", n))
		w.checkpoint()
		n++
		report, err := a.Round(context.Background())
		must(b, err)
		if !report.Clean() || report.NewRecords != 1 {
			b.Fatalf("%+v", report)
		}
	}
}

// What is found on the way stops the replay there, and leaves a state that goes on.
func TestGoesOnAfterLie(t *testing.T) {
	w := largeWorld(t, 1500, 40, 2)
	for _, kind := range []tlog.Kind{tlog.Entries, tlog.Envelopes, tlog.Tile} {
		store := new(MemoryStore)
		w.tamper = tampered(tlog.Records.Path()+"/"+tlog.File{Kind: kind, Index: 3, Width: 256}.Path(), flip)
		a, err := New(filesOnly{w}, store, w.fileOptions())
		must(t, err)
		report, err := a.Round(context.Background())
		must(t, err)
		if len(report.Findings) == 0 || report.Records < 3*256 || report.Records >= 4*256 {
			t.Errorf("%s: %+v", kind, report)
		}
		w.tamper = nil
		if report, err = a.Round(context.Background()); err != nil || !report.Clean() || report.Records != 1500 {
			t.Errorf("%s, afterwards: %+v, %v", kind, report, err)
		}
	}
}
