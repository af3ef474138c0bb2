package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
)

var errAway = errors.New("it is away")

// failingCommits is a database of which one commit fails.
type failingCommits struct {
	publisher.Database
	passing   atomic.Int32 // how many commits succeed before that
	committed bool         // it took place nevertheless
	failed    atomic.Bool
}

func (d *failingCommits) Update(ctx context.Context, f func(*store.Tx) error) error {
	if d.passing.Add(-1) != -1 {
		return d.Database.Update(ctx, f)
	}
	d.failed.Store(true)
	if d.committed {
		return errors.Join(d.Database.Update(ctx, f), store.ErrUnknownOutcome)
	}
	return d.Database.Update(ctx, func(tx *store.Tx) error { return errors.Join(f(tx), errAway) })
}

// A commit that fails publishes nothing, or all of it; the next attempt finds out
// which. First it is the commit that publishes, then the one that notes what the
// checkpoints log has.
func TestCommitFails(t *testing.T) {
	for passing := range int32(2) {
		for _, committed := range []bool{false, true} {
			t.Run(fmt.Sprintf("after %d, committed %v", passing, committed), func(t *testing.T) {
				s := registrytest.New(t)
				db := &failingCommits{Database: s.Options.Store, committed: committed}
				db.passing.Store(passing)
				s.Options.Publisher.Store = db
				s.Renew()
				a := s.Author("example:one")
				last := a.Post(registrytest.Init(a.Key))
				s.Start()
				a.Wait(last.RecordID)
				s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
				s.Load("example:two", 3)
				s.Eventually("it is ready", func() bool { return s.Ready(context.Background()) == nil })
				s.CheckPublished()
				if !db.failed.Load() {
					t.Error("no commit has failed")
				}
			})
		}
	}
}

// Whatever call of the records log fails once, what was accepted is published.
func TestRecordsLogFailsOnce(t *testing.T) {
	for name, change := range map[string]func(log *changedLog, fails func() error){
		"root": func(log *changedLog, fails func() error) {
			log.root = func(r follow.Root) (follow.Root, error) { return r, fails() }
		},
		"leaves": func(log *changedLog, fails func() error) {
			log.leaf = func(l []follow.Leaf) ([]follow.Leaf, error) { return l, fails() }
		},
		"consistency": func(log *changedLog, fails func() error) {
			log.proof = func(path [][]byte) ([][]byte, error) { return path, fails() }
		},
		"queue": func(log *changedLog, fails func() error) {
			log.queue = func([]follow.Leaf) error { return fails() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			log, fails := &changedLog{RecordsLog: s.Options.Records}, once(errAway)
			change(log, fails)
			s.Options.Records = log
			s.Renew()
			s.Start()
			s.Load("example:one", 2)
			log.on.Store(true)
			for i := range 3 {
				s.Load(fmt.Sprint("example:p", i), 3)
			}
			s.CheckPublished()
			s.Eventually("it is ready", func() bool { return s.Ready(context.Background()) == nil })
			if fails() != nil {
				t.Error("nothing has failed")
			}
		})
	}
}

// The consistency proof fails after leaves were read: they do not count as read, and
// the next checkpoint publishes them.
func TestProofFailsAfterLeaves(t *testing.T) {
	s := registrytest.New(t)
	fails := once(errAway)
	log := &changedLog{RecordsLog: s.Options.Records, proof: func(path [][]byte) ([][]byte, error) { return path, fails() }}
	s.Options.Records = log
	s.Renew()
	ctx := context.Background()
	i, err := publisher.LoadIntegrator(ctx, s.Publisher)
	s.Must(err)
	s.Must(s.Publisher.Queue(ctx)) // the operator's record
	if fresh, err := i.Read(ctx, 10); err != nil || len(fresh) != 1 {
		t.Fatalf("read %d leaves, error %v", len(fresh), err)
	}
	s.Must(i.Publish(ctx))
	for n := range 5 {
		a := s.Author(fmt.Sprint("example:p", n))
		a.Post(registrytest.Init(a.Key))
	}
	s.Must(s.Publisher.Queue(ctx))

	log.on.Store(true)
	if fresh, err := i.Read(ctx, 4); !errors.Is(err, errAway) || len(fresh) != 0 { // not all, so it takes a proof
		t.Fatalf("read %d leaves, error %v", len(fresh), err)
	}
	first, err := i.Read(ctx, 4)
	s.Must(err)
	rest, err := i.Read(ctx, 100)
	s.Must(err)
	if len(first) != 3 || len(rest) != 2 {
		t.Errorf("read %d and %d leaves, want 3 and 2", len(first), len(rest))
	}
	s.Must(i.Publish(ctx))
	s.CheckPublished()
}

// A stage after publication that fails delays nobody, and catches up.
func TestCheckpointsLogAway(t *testing.T) {
	s := registrytest.New(t)
	log := &awayLog{Log: s.Options.Checkpoints}
	log.away.Store(true)
	s.Options.Checkpoints = log
	s.Renew()
	s.Start()
	s.LoadAtOnce(2, 5)
	s.CheckPublished()
	s.Eventually("the log is asked", func() bool { return log.asked.Load() > 0 })
	if got := logged(s); got.Size != 0 {
		t.Errorf("logged %d checkpoints while the log was away", got.Size)
	}
	log.away.Store(false)
	s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
}

// awayLog is a log that does not answer while it is away.
type awayLog struct {
	publisher.Log
	away  atomic.Bool
	asked atomic.Int32
}

func (l *awayLog) Root(ctx context.Context) (follow.Root, error) {
	if l.away.Load() {
		l.asked.Add(1)
		return follow.Root{}, errAway
	}
	return l.Log.Root(ctx)
}
