package publisher_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// manyCheckpoints is a registry whose checkpoints log takes several pages, and of
// which the database does not know what was verified, like one of a release that did
// not keep that.
func manyCheckpoints(t *testing.T) (s *registrytest.Setup, verified store.CheckpointsLog) {
	s = registrytest.New(t)
	s.Options.Publisher.CheckpointInterval = 0
	s.Renew()
	s.Start()
	for n := 0; len(s.SignedCheckpoints()) < 2*publisher.CheckpointsPage+10; n++ {
		s.Load(fmt.Sprint("example:p", n), 0)
	}
	s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
	s.Stop()
	verified = logged(s)
	s.Must(s.Options.Store.Update(context.Background(), func(tx *store.Tx) error {
		return tx.ReplaceCheckpointsLog(verified, store.CheckpointsLog{})
	}))
	return s, verified
}

// What is not known to be verified of a checkpoints log is read from its start, a
// page at a time, and not queued again.
func TestCheckpointsLogFromItsStart(t *testing.T) {
	s, verified := manyCheckpoints(t)
	var queued, reads, most atomic.Int64
	log := &changedLog{
		RecordsLog: s.Options.Checkpoints.(parts.RecordsLog),
		queue:      func([]follow.Leaf) error { queued.Add(1); return nil },
		leaf: func(l []follow.Leaf) ([]follow.Leaf, error) {
			reads.Add(1)
			most.Store(max(most.Load(), int64(len(l))))
			return l, nil
		},
	}
	log.on.Store(true)
	s.Options.Checkpoints = log
	s.Renew()
	s.Start()
	s.Eventually("all checkpoints are verified", func() bool { return allLogged(s) })
	if got := logged(s); got.Size != verified.Size || !slices.Equal(got.Subtrees, verified.Subtrees) {
		t.Errorf("verified %+v, was %+v", got, verified)
	}
	if queued.Load() != 0 || reads.Load() < 3 || most.Load() > publisher.CheckpointsPage {
		t.Errorf("queued %d leaves, read %d times, %d leaves at most", queued.Load(), reads.Load(), most.Load())
	}
	s.Load("example:more", 2)
	s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
	s.CheckPublished()
}

// Each page is verified, long before the root can be recomputed.
func TestLiesOfALongCheckpointsLog(t *testing.T) {
	s, _ := manyCheckpoints(t)
	honest := s.Options.Checkpoints.(parts.RecordsLog)
	for name, lie := range map[string]*changedLog{
		"proof that does not fit": {proof: func(path [][]byte) ([][]byte, error) {
			return append(path, make([]byte, protocol.HashSize)), nil
		}},
		"forked root":    {root: func(r follow.Root) (follow.Root, error) { r.Hash[0]++; return r, nil }},
		"exchanged leaf": {leaf: func(l []follow.Leaf) ([]follow.Leaf, error) { l[3].Value = l[4].Value; return l, nil }},
	} {
		lie.RecordsLog = honest
		lie.on.Store(true)
		s.Options.Checkpoints = lie
		s.Renew()
		s.Start()
		s.Eventually("signing has stopped", func() bool { return stopped(s) })
		s.Stop()
		if got := logged(s); got.Size != 0 {
			t.Errorf("%s: took %d leaves", name, got.Size)
		}
	}
}
