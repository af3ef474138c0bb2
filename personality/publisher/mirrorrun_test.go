package publisher_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// newLogged is a registry with some checkpoints, as they were signed and logged.
func newLogged(t *testing.T) (*registrytest.Setup, []protocol.SignedCheckpoint) {
	s := registrytest.New(t)
	s.Start()
	for _, name := range []string{"example:one", "example:two", "example:three", "example:four", "example:five"} {
		s.Load(name, 3)
	}
	want := len(s.SignedCheckpoints())
	var logged []protocol.SignedCheckpoint
	s.Eventually("all checkpoints are logged", func() bool {
		s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) (err error) {
			logged, err = tx.LoggedSigned(0, want)
			return err
		}))
		return len(logged) == want
	})
	if want < 5 {
		t.Fatalf("%d checkpoints are too few to tell anything", want)
	}
	return s, logged
}

// followAll takes over checkpoints, and returns in how many calls.
func (m *mirrorSetup) followAll(next []protocol.SignedCheckpoint, source publisher.MirrorSource) (calls int, err error) {
	for len(next) > 0 {
		n, err := m.FollowLogged(context.Background(), next, source, silent)
		if err != nil {
			return calls, err
		}
		if n == 0 {
			m.T.Fatal("nothing was taken over, without an error")
		}
		next = next[n:]
		calls++
	}
	return calls, nil
}

// checkLogged demands every checkpoint of the upstream, and its checkpoints log.
func (m *mirrorSetup) checkLogged(s *registrytest.Setup, logged []protocol.SignedCheckpoint) {
	m.T.Helper()
	m.CheckPublished()
	if got, want := m.SignedCheckpoints(), s.SignedCheckpoints(); !maps.Equal(got, want) {
		m.T.Errorf("%d checkpoints, want %d, or others", len(got), len(want))
	}
	if leaves, complete := m.Logged(); leaves != uint64(len(logged)) || !complete {
		m.T.Errorf("%d checkpoints are logged, want %d (complete: %v)", leaves, len(logged), complete)
	}
}

// Checkpoints whose records make one run are taken over together, each with its own map
// and proofs.
func TestMirrorFollowsRun(t *testing.T) {
	s, logged := newLogged(t)
	m := newMirror(t, s)
	m.Options.Cache = nil // the index reads what was made before in the run
	m.reload()
	calls, err := m.followAll(logged, &upstream{Source: s.Options.Records})
	m.Must(err)
	if calls != 1 {
		t.Errorf("%d checkpoints of few records took %d calls", len(logged), calls)
	}
	m.checkLogged(s, logged)
	for _, c := range logged { // the map as of each
		length := c.Contents.LogLength
		got, gotMap, err := m.ProveInclusion(context.Background(), length, []uint64{length - 1})
		m.Must(err)
		want, wantMap, err := s.ProveInclusion(context.Background(), length, []uint64{length - 1})
		m.Must(err)
		if !bytes.Equal(got, want) || !bytes.Equal(gotMap, wantMap) {
			t.Errorf("other proofs at %d records", length)
		}
	}
}

// failingLog does not integrate.
type failingLog struct{ publisher.MirrorLog }

var errNotIntegrated = errors.New("it does not integrate")

func (failingLog) Integrate(context.Context) error { return errNotIntegrated }

// A run that was interrupted when it was staged and not published shows nothing, and is
// taken over again by the next process, however it is parted then.
func TestMirrorRunIsInterrupted(t *testing.T) {
	s, logged := newLogged(t)
	source := &upstream{Source: s.Options.Records}
	for how, parts := range map[string][][]protocol.SignedCheckpoint{
		"together": {logged[1:]}, "a part of it": {logged[1:3], logged[3:]},
	} {
		t.Run(how, func(t *testing.T) {
			m := newMirror(t, s)
			_, err := m.followAll(logged[:1], source)
			m.Must(err)
			m.failing = true
			m.reload()
			if _, err := m.followAll(logged[1:], source); !errors.Is(err, errNotIntegrated) {
				t.Fatalf("it does not integrate, and the error is %v", err)
			}
			if got := newest(&m.Setup); got != logged[0] {
				t.Fatalf("readers see %d records", got.Contents.LogLength)
			}
			m.failing = false
			m.reload()
			if staged, all := m.Staged(), logged[len(logged)-1].Contents.LogLength; staged != all {
				t.Fatalf("%d records are staged, want %d", staged, all)
			}
			for _, part := range parts {
				_, err := m.followAll(part, source)
				m.Must(err)
			}
			m.checkLogged(s, logged)
		})
	}
}

// Of a run with a checkpoint that does not hold, those before it are taken over, and the
// others when the upstream tells the truth again.
func TestMirrorRunWithALie(t *testing.T) {
	s, logged := newLogged(t)
	wrong := len(logged) / 2
	stranger := slices.Clone(logged)
	stranger[wrong] = logged[wrong].Contents.Sign(registrytest.NewKey(t))
	for what, lie := range map[string]struct {
		run    []protocol.SignedCheckpoint
		change func(follow.Leaf) follow.Leaf
		claim  string
	}{
		"an envelope that is not valid": {logged, func(l follow.Leaf) follow.Leaf {
			if l.Index == logged[wrong].Contents.LogLength-1 {
				l.ExtraData = turned(l.ExtraData, len(l.ExtraData)-10)
			}
			return l
		}, "record"},
		"a stranger's signature": {stranger, nil, "signature"},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMirror(t, s)
			source := &upstream{Source: s.Options.Records, change: lie.change}
			if _, err := m.followAll(lie.run, source); !untrue(err, lie.claim) {
				t.Fatalf("%v, want a lie about the %s", err, lie.claim)
			}
			if got := newest(&m.Setup); got != logged[wrong-1] {
				t.Fatalf("readers see %d records, want %d", got.Contents.LogLength, logged[wrong-1].Contents.LogLength)
			}
			source.change = nil
			_, err := m.followAll(logged[wrong:], source)
			m.Must(err)
			m.checkLogged(s, logged)
		})
	}
}
