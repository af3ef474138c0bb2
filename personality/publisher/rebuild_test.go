package publisher_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/signing"
)

// The log alone gives the database back: records, states, and the checkpoints
// with their signatures.
func TestRebuild(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	for i := range 4 {
		s.Load(fmt.Sprintf("example:p%d", i), 5)
	}
	ctx := context.Background()
	before, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	s.Eventually("the newest checkpoint is logged", func() bool {
		root, err := s.Options.Checkpoints.Root(ctx)
		return err == nil && int(root.Size) == len(s.SignedCheckpoints())
	})
	signed := s.SignedCheckpoints()
	s.LoseStore()

	if err := s.InitOperatorLog(ctx, admission.Namespaces{Defined: []string{"example"}}); err == nil || !strings.Contains(err.Error(), "rebuild") {
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
	s.Must(s.Rebuild(ctx, func(d, n uint64) { done, total = d, n }))
	if done != before.Contents.LogLength || total != done {
		t.Errorf("progress ended at %d of %d, want %d", done, total, before.Contents.LogLength)
	}
	after, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	if after != before {
		t.Errorf("rebuilt to %+v, was %+v", after, before)
	}
	if !maps.Equal(s.SignedCheckpoints(), signed) {
		t.Errorf("%d checkpoints, had %d: %v", len(s.SignedCheckpoints()), len(signed), s.SignedCheckpoints())
	}
	s.CheckPublished()

	// Life goes on where it was.
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
	s.Start()
	s.Load("example:new", 2)
	old := s.Author("example:p0")
	old.Head = registrytest.RecordAt(s, old.Name.LogID(), 5).Any()
	registrytest.Refused(t, old, old.Sign(old.Key, registrytest.Yank("1.0.0")), &registry.UnauthorizedError{}, "unknown key id")
	s.CheckPublished()
}

// A log whose end is not in the checkpoints log is signed on.
func TestRebuildBeyondTheCheckpointsLog(t *testing.T) {
	s := registrytest.New(t)
	s.Options.Checkpoints = &forgetful{s.Options.Checkpoints}
	s.Renew()
	s.Start()
	s.Load("example:one", 5)
	before, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	s.LoseStore()
	s.Must(s.Rebuild(context.Background(), func(uint64, uint64) {}))
	after, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	if after.Contents.Checkpoint != before.Contents.Checkpoint {
		t.Errorf("rebuilt to %+v, was %+v", after, before)
	}
	s.CheckPublished()

	s.LoseStore()
	s.Options.Keys = signing.New(registrytest.NewKey(t))
	s.Renew()
	if err := s.Rebuild(context.Background(), func(uint64, uint64) {}); err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("rebuilt with another operator's key: %v", err)
	}
}

// forgetful is a Trillian log that sequences nothing.
type forgetful struct{ publisher.Log }

func (*forgetful) Integrate(context.Context) error { return nil }

// A log that does not give the roots that were signed is not taken.
func TestRebuildFromAnotherLog(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:one", 2)
	s.Stop()
	other := registrytest.New(t)
	other.Start()
	other.Load("example:two", 3)
	other.Stop()
	s.LoseStore()
	s.Options.Records = other.Options.Records
	s.Renew()
	err := s.Rebuild(context.Background(), func(uint64, uint64) {})
	if err == nil || !strings.Contains(err.Error(), "it was signed with log root") {
		t.Errorf("rebuilt from another registry's records: %v", err)
	}
	if c, err := s.LatestCheckpoint(context.Background()); err == nil {
		t.Errorf("signed %+v", c)
	}
}
