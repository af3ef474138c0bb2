package personality_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// away stands before a part that does not answer while it is told so.
type away struct {
	parts.RecordsLog
	parts.Contents
	trillian, contents, contentWrites atomic.Bool
}

// Probe tells whether the content store can be written.
func (a *away) Probe(context.Context) error {
	if a.contentWrites.Load() {
		return errAway
	}
	return nil
}

var errAway = errors.New("it is away")

func (a *away) Root(ctx context.Context) (follow.Root, error) {
	if a.trillian.Load() {
		return follow.Root{}, errAway
	}
	return a.RecordsLog.Root(ctx)
}

func (a *away) Has(ctx context.Context, digest protocol.Hash) (bool, error) {
	if a.contents.Load() {
		return false, errAway
	}
	return a.Contents.Has(ctx, digest)
}

// Readiness names each part that is not ready, and no other.
func TestReadyNamesParts(t *testing.T) {
	s := registrytest.New(t)
	a := &away{RecordsLog: s.Options.Records, Contents: s.Options.Contents}
	s.Options.Records, s.Options.Contents = a, a
	s.Renew()
	// The parts are looked at by and by, so what is said is so only in the end.
	says := func(when string, want ...string) {
		t.Helper()
		var lines []string
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
			lines = nil
			if err := s.Ready(context.Background()); err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if want[0] != "publishing is delayed" { // which it may be for the same reason
				lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "publishing is delayed: ") })
			}
			if slices.EqualFunc(lines, want, func(l, w string) bool { return strings.HasPrefix(l, w+": ") }) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: says %q, want lines that begin with %q", when, lines, want)
			}
		}
	}
	says("before it ran", "no checkpoint yet")
	s.Start()
	s.Eventually("it is ready", func() bool { return s.Ready(context.Background()) == nil })
	a.trillian.Store(true)
	says("without Trillian", "publishing is delayed", "Trillian does not answer")
	a.trillian.Store(false)
	s.Eventually("it is ready again", func() bool { return s.Ready(context.Background()) == nil })
	a.contents.Store(true)
	says("without contents", "the content store does not answer")
	a.contents.Store(false)
	a.contentWrites.Store(true)
	says("when contents cannot be written", "the content store cannot be written")
	a.contentWrites.Store(false)
	s.Eventually("all is well", func() bool { return s.Ready(context.Background()) == nil })
	s.Must(os.Rename(filepath.Join(s.Dir, "registry.db"), filepath.Join(s.Dir, "elsewhere")))
	says("when the database is gone", "the database cannot be written")
	s.Must(os.Rename(filepath.Join(s.Dir, "elsewhere"), filepath.Join(s.Dir, "registry.db")))
	s.Eventually("the database is back", func() bool { return s.Ready(context.Background()) == nil })
	conditions := ""
	for _, c := range s.Conditions(context.Background()) {
		conditions += string(c.Part) + " "
	}
	if conditions != "publishing database database_writes trillian content content_writes " {
		t.Errorf("asked %s", conditions)
	}
}

// witness keeps what an observer is told.
type witness struct {
	mu             sync.Mutex
	leading        []bool
	waiting, most  int
	records, tiles int
	integrations   int
}

func (w *witness) Leading(leading bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.leading); n == 0 || w.leading[n-1] != leading {
		w.leading = append(w.leading, leading)
	}
}

func (w *witness) Waiting(records int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.most = records, max(w.most, records)
}

func (w *witness) Noted(string, uint64) {}

func (w *witness) Integrated(records, tiles int, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.integrations++
	w.records += records
	w.tiles += tiles
}

// An observer learns what is published, and who leads.
func TestObserver(t *testing.T) {
	s := registrytest.New(t)
	w := &witness{}
	s.Options.Publisher.Observer = w
	s.Renew()
	a := s.Author("example:one")
	last := a.Post(registrytest.Init(a.Key))
	s.Start()
	a.Wait(last.RecordID)
	stats, err := s.Stats(context.Background())
	s.Must(err)
	s.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.records != 2 || w.tiles == 0 || w.integrations == 0 || w.waiting != 0 || w.most == 0 {
		t.Errorf("observed %+v", w)
	}
	if len(w.leading) != 2 || !w.leading[0] || w.leading[1] {
		t.Errorf("led %v", w.leading)
	}
	if stats.Checkpoint.LogLength != 2 || stats.Queue.Complete != 0 {
		t.Errorf("stats %+v", stats)
	}
}
