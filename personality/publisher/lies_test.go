package publisher_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// lies are what a log may answer beside the truth.
func lies() map[string]*changedLog {
	leaves := func(f func([]follow.Leaf) []follow.Leaf) func([]follow.Leaf) ([]follow.Leaf, error) {
		return func(l []follow.Leaf) ([]follow.Leaf, error) {
			if len(l) > 0 {
				l = f(l)
			}
			return l, nil
		}
	}
	return map[string]*changedLog{
		"forked root":  {root: func(r follow.Root) (follow.Root, error) { r.Hash[0]++; return r, nil }},
		"shorter tree": {root: func(r follow.Root) (follow.Root, error) { r.Size = 1; return r, nil }},
		"wrong leaf": {leaf: leaves(func(l []follow.Leaf) []follow.Leaf {
			l[0].Value = protocol.LogLeaf{}.Encode()
			return l
		})},
		"leaf of another kind": {leaf: leaves(func(l []follow.Leaf) []follow.Leaf { l[0].Value = []byte("x"); return l })},
		"missing leaf":         {leaf: leaves(func(l []follow.Leaf) []follow.Leaf { return l[1:] })},
		"wrong place":          {leaf: leaves(func(l []follow.Leaf) []follow.Leaf { l[0].Index++; return l })},
		"proof that does not fit": {proof: func(path [][]byte) ([][]byte, error) {
			return append(path, make([]byte, protocol.HashSize)), nil
		}},
	}
}

// Signing stops at the first lie of the records log, for good; reading goes on, and
// readiness says why.
func TestLyingRecordsLog(t *testing.T) {
	for name, lie := range lies() {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			lie.RecordsLog = s.Options.Records
			s.Options.Records = lie
			s.Renew()
			s.Start()
			s.Load("example:honest", 2)
			before, err := s.LatestCheckpoint(context.Background())
			s.Must(err)

			lie.on.Store(true)
			for _, name := range []string{"example:one", "example:two"} { // more than one leaf at a time, perhaps
				a := s.Author(name)
				a.Post(registrytest.Init(a.Key))
			}
			s.Eventually("signing has stopped", func() bool { return stopped(s) })
			lie.on.Store(false)
			readsGoOn(t, s)
			after, err := s.LatestCheckpoint(context.Background())
			s.Must(err)
			if after.Contents.Checkpoint != before.Contents.Checkpoint {
				t.Errorf("signed %+v on a lie", after.Contents)
			}

			// An honest log and a new process publish what was accepted.
			restart(s)
			published(s, "example:one")
			s.CheckPublished()
		})
	}
}

// So it does at the first lie of the checkpoints log.
func TestLyingCheckpointsLog(t *testing.T) {
	for name, lie := range lies() {
		if lie.proof != nil {
			continue // the root is recomputed, and no proof asked for, unless there are very many leaves
		}
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			lie.RecordsLog = s.Options.Checkpoints.(parts.RecordsLog)
			s.Options.Checkpoints = lie
			s.Renew()
			s.Start()
			s.Load("example:honest", 2)
			s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
			before := logged(s)

			lie.on.Store(true)
			posted := 0
			s.Eventually("signing has stopped", func() bool {
				if posted++; posted%10 == 1 { // more than one leaf at a time, in the end
					a := s.Author(fmt.Sprint("example:p", posted))
					a.Post(registrytest.Init(a.Key))
				}
				return stopped(s)
			})
			lie.on.Store(false)
			readsGoOn(t, s)
			if after := logged(s); after.Size != before.Size {
				t.Errorf("took %d leaves on a lie", after.Size-before.Size)
			}

			restart(s)
			published(s, "example:p1")
			s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
			s.CheckPublished()
		})
	}
}

// A leaf that another has put into the checkpoints log stops signing, even if it is
// a checkpoint that was signed here.
func TestForeignLeafInCheckpointsLog(t *testing.T) {
	for name, foreign := range map[string]func(protocol.SignedCheckpoint) []byte{
		"other bytes": func(protocol.SignedCheckpoint) []byte { return []byte("foreign") },
		"another checkpoint": func(c protocol.SignedCheckpoint) []byte {
			c.Contents.LogLength++
			return c.Contents.Checkpoint.Encode()
		},
		"another map root": func(c protocol.SignedCheckpoint) []byte {
			c.Contents.MapRoot[0]++
			return c.Contents.Checkpoint.Encode()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			log := newMemoryLog()
			s.Options.Checkpoints = log
			s.Renew()
			s.Start()
			s.Load("example:one", 2)
			s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
			newest, err := s.LatestCheckpoint(context.Background())
			s.Must(err)
			before := logged(s)
			log.add(follow.Leaf{Value: foreign(newest)})
			s.Eventually("signing has stopped", func() bool { return stopped(s) })
			if fault, _ := s.Troubles(); !strings.Contains(fault.Error(), "is not the checkpoint that belongs there") {
				t.Errorf("it says %q", fault)
			}
			if after := logged(s); after.Size != before.Size {
				t.Errorf("took %d leaves", after.Size-before.Size)
			}
			s.CheckPublished()
		})
	}
}

// So does one that stands where a checkpoint belongs, with all checkpoints behind it.
func TestForeignLeafInPlaceOfCheckpoint(t *testing.T) {
	s := registrytest.New(t)
	away := &awayLog{Log: s.Options.Checkpoints}
	away.away.Store(true)
	s.Options.Checkpoints = away
	s.Renew()
	s.Start()
	s.Load("example:one", 0) // published, and not logged
	s.Stop()

	log := newMemoryLog()
	log.add(follow.Leaf{Value: []byte("foreign")})
	s.Options.Checkpoints = log
	s.Renew()
	s.Start()
	s.Eventually("signing has stopped", func() bool { return stopped(s) })
	if fault, _ := s.Troubles(); !strings.Contains(fault.Error(), "leaf 0 of the checkpoints log is not the checkpoint that belongs there") {
		t.Errorf("it says %q", fault)
	}
	if got := logged(s); got.Size != 0 {
		t.Errorf("took %d leaves", got.Size)
	}
}

func stopped(s *registrytest.Setup) bool {
	err := s.Ready(context.Background())
	return err != nil && strings.Contains(err.Error(), "signing has stopped")
}

// readsGoOn checks what is still so after signing has stopped.
func readsGoOn(t *testing.T, s *registrytest.Setup) {
	t.Helper()
	select {
	case <-s.Stopped:
		t.Error("Run returned, which ends the process and its reading")
	case <-time.After(50 * time.Millisecond):
	}
	s.CheckPublished()
}

// restart is a new process with honest logs.
func restart(s *registrytest.Setup) {
	s.Reopen()
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
	s.Start()
}

// published waits until a record of a package is published.
func published(s *registrytest.Setup, name string) {
	s.T.Helper()
	parsed, err := protocol.ParsePackageName(name)
	s.Must(err)
	s.Eventually("what was accepted is published", func() bool {
		names, err := s.Names(context.Background(), []protocol.Hash{parsed.LogID()})
		return err == nil && names[0].Name != ""
	})
}

// logged is what is verified of the checkpoints log.
func logged(s *registrytest.Setup) store.CheckpointsLog {
	s.T.Helper()
	var log store.CheckpointsLog
	s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) (err error) {
		log, err = tx.CheckpointsLog()
		return err
	}))
	return log
}

// allLogged tells whether every checkpoint is in the checkpoints log and verified.
func allLogged(s *registrytest.Setup) bool {
	s.T.Helper()
	checkpoints, log := s.SignedCheckpoints(), logged(s)
	newest, err := s.LatestCheckpoint(context.Background())
	return err == nil && log.Size == uint64(len(checkpoints)) && log.LogLength == newest.Contents.LogLength
}
