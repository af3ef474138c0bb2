package registry_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// loseStore is a new process that finds no database.
func (s *setup) loseStore() {
	s.t.Helper()
	s.close()
	files, err := filepath.Glob(filepath.Join(s.dir, "registry.db*"))
	s.must(err)
	for _, f := range files {
		s.must(os.Remove(f))
	}
	s.open()
}

// The log alone gives the database back: records, states, and the checkpoints
// with their signatures.
func TestRebuild(t *testing.T) {
	s := newSetup(t)
	s.run()
	for i := range 4 {
		s.load(fmt.Sprintf("example:p%d", i), 5)
	}
	ctx := context.Background()
	before, err := s.LatestCheckpoint(ctx)
	s.must(err)
	s.eventually("the newest checkpoint is logged", func() bool {
		root, err := s.options.Checkpoints.Root(ctx)
		return err == nil && int(root.Size) == len(s.checkpoints())
	})
	signed := s.checkpoints()
	s.loseStore()

	if err := s.InitOperatorLog(ctx, registry.Namespaces{Defined: []string{"example"}}); err == nil || !strings.Contains(err.Error(), "rebuild") {
		t.Fatalf("started on an empty database beside a log: %v", err)
	}
	// Interrupted after some records, and again.
	for _, at := range []uint64{3, 10} {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		err := s.Rebuild(ctx, func(done, _ uint64) {
			if done >= at {
				cancel()
			}
		})
		if err == nil || ctx.Err() == nil {
			t.Fatalf("interrupted rebuild: %v", err)
		}
	}
	var done, total uint64
	s.must(s.Rebuild(ctx, func(d, n uint64) { done, total = d, n }))
	if done != before.Contents.LogLength || total != done {
		t.Errorf("progress ended at %d of %d, want %d", done, total, before.Contents.LogLength)
	}
	after, err := s.LatestCheckpoint(ctx)
	s.must(err)
	if after != before {
		t.Errorf("rebuilt to %+v, was %+v", after, before)
	}
	if !maps.Equal(s.checkpoints(), signed) {
		t.Errorf("%d checkpoints, had %d: %v", len(s.checkpoints()), len(signed), s.checkpoints())
	}
	s.checkPublished()

	// Life goes on where it was.
	s.init(registry.Namespaces{Defined: []string{"example"}})
	s.run()
	s.load("example:new", 2)
	old := s.author("example:p0")
	old.head = recordAt(s, old.name.LogID(), 5).Any()
	refused(t, old, old.sign(old.key, yank("1.0.0")), &registry.UnauthorizedError{}, "unknown key id")
	s.checkPublished()
}

// A log whose end is not in the checkpoints log is signed on.
func TestRebuildBeyondTheCheckpointsLog(t *testing.T) {
	s := newSetup(t)
	s.options.Checkpoints = &forgetful{s.options.Checkpoints}
	s.Registry = registry.New(s.options)
	s.run()
	s.load("example:one", 5)
	before, err := s.LatestCheckpoint(context.Background())
	s.must(err)
	s.loseStore()
	s.must(s.Rebuild(context.Background(), func(uint64, uint64) {}))
	after, err := s.LatestCheckpoint(context.Background())
	s.must(err)
	if after.Contents.Checkpoint != before.Contents.Checkpoint {
		t.Errorf("rebuilt to %+v, was %+v", after, before)
	}
	s.checkPublished()

	s.loseStore()
	s.options.OperatorKey = newKey(t)
	s.Registry = registry.New(s.options)
	if err := s.Rebuild(context.Background(), func(uint64, uint64) {}); err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("rebuilt with another operator's key: %v", err)
	}
}

// forgetful is a Trillian log that sequences nothing.
type forgetful struct{ registry.TrillianLog }

func (*forgetful) Advance(context.Context) error { return nil }

// A log that does not give the roots that were signed is not taken.
func TestRebuildFromAnotherLog(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.load("example:one", 2)
	s.stopRunning()
	other := newSetup(t)
	other.run()
	other.load("example:two", 3)
	other.stopRunning()
	s.loseStore()
	s.options.Records = other.options.Records
	s.Registry = registry.New(s.options)
	err := s.Rebuild(context.Background(), func(uint64, uint64) {})
	if err == nil || !strings.Contains(err.Error(), "it was signed with log root") {
		t.Errorf("rebuilt from another registry's records: %v", err)
	}
	if c, err := s.LatestCheckpoint(context.Background()); err == nil {
		t.Errorf("signed %+v", c)
	}
}
