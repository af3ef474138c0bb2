package reader_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// fromPaths makes the log bundle of leaves as the reference does: a path for
// each of them, again for those that are named again.
func fromPaths(s *registrytest.Setup, a *asked, at uint64, indices []uint64) proof.LogBundle {
	s.T.Helper()
	var checkpoint store.Checkpoint
	leaves, err := s.Leaves(context.Background(), 0, int(at))
	s.Must(err)
	s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) (err error) {
		checkpoint, err = tx.Checkpoint(at)
		return err
	}))
	paths := make([]proof.LeafPath, len(indices))
	for i, index := range indices {
		path, err := a.RecordsLog.InclusionProof(context.Background(), index, at)
		s.Must(err)
		paths[i] = proof.LeafPath{Index: index, LeafHash: leaves[index].Hash(), Path: path}
	}
	bundle, err := proof.InclusionBundle(at, checkpoint.Roots, paths)
	s.Must(err)
	return bundle
}

// Whatever leaves are named, and however often, the bundles are those that come
// of a path for each; and few paths are asked for.
func TestProofsAreShared(t *testing.T) {
	s, a := watched(t, 600)
	at := length(s)
	all := upTo(at)
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	for name, c := range map[string]struct {
		leaves []uint64
		paths  int64
	}{
		"one":                       {[]uint64{7}, 1},
		"one, 10,000 times":         {slices.Repeat([]uint64{0}, 10_000), 1},
		"two, in turn":              {[]uint64{9, 200, 9, 9, 200}, 2},
		"far apart":                 {[]uint64{250, 3, 130}, 3},
		"four of 256 are far apart": {[]uint64{0, 64, 128, 192}, 4},
		"five of 256 are close":     {[]uint64{0, 64, 128, 192, 255}, 1},
		"two of the last 16":        {[]uint64{576, 580}, 0},
		"the last of all":           {[]uint64{at - 1}, 1},
		"all":                       {all, 3}, // 601 = 512 + 64 + 16 + 8 + 1: one for each half of the 512, one for the last
		"all, backwards and twice":  {slices.Concat(backwards, all), 3},
	} {
		a.paths.Store(0)
		encodedLog, encodedMap, err := s.ProveInclusion(context.Background(), at, c.leaves)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := a.paths.Load(); n != c.paths {
			t.Errorf("%s: %d paths were asked for, want %d", name, n, c.paths)
		}
		if want := fromPaths(s, a, at, c.leaves).Encode(); !slices.Equal(encodedLog, want) {
			t.Errorf("%s: the log bundle differs from the one of a path for each leaf", name)
		}
		bundle, err := proof.DecodeMapBundle(encodedMap)
		s.Must(err)
		if len(bundle.Proofs) != len(c.leaves) {
			t.Fatalf("%s: %d map proofs of %d leaves", name, len(bundle.Proofs), len(c.leaves))
		}
		for i, index := range c.leaves {
			if first := slices.Index(c.leaves, index); !reflect.DeepEqual(bundle.Proofs[i], bundle.Proofs[first]) {
				t.Errorf("%s: map proof %d is not that of the same leaf before it", name, i)
			}
		}
	}
}

// A request that asks for too much is refused before anything is done for it.
func TestTooManyLeaves(t *testing.T) {
	s, a := watched(t, 1)
	var tooLarge *registry.TooLargeError
	if _, _, err := s.ProveInclusion(context.Background(), 2, make([]uint64, 10_001)); !errors.As(err, &tooLarge) {
		t.Errorf("10,001 leaves: %v", err)
	}
	if n := a.paths.Load(); n != 0 {
		t.Errorf("%d paths were asked for", n)
	}
}

// A leaf that is no head is refused before Trillian is asked for paths.
func TestNoHeadCostsNoPaths(t *testing.T) {
	s, a := watched(t, 60)
	s.Load("example:more", 2)
	at := length(s)
	a.paths.Store(0)
	var incorrect *registry.IncorrectProofError
	if _, _, err := s.ProveInclusion(context.Background(), at, upTo(at)); !errors.As(err, &incorrect) {
		t.Errorf("leaves of which one is no head: %v", err)
	}
	if n := a.paths.Load(); n != 0 {
		t.Errorf("%d paths were asked for", n)
	}
}

// When the client goes, nothing more is done for it.
func TestProofsEndWithTheirClient(t *testing.T) {
	s, a := watched(t, 40)
	ctx, cancel := context.WithCancel(context.Background())
	a.answer(func(context.Context) error { cancel(); return nil })
	a.paths.Store(0)
	leaves := []uint64{3, 9, 14, 33, 36, 40} // each by itself, or two together
	if _, _, err := s.ProveInclusion(ctx, 41, leaves); !errors.Is(err, context.Canceled) {
		t.Errorf("the client went: %v", err)
	}
	if n := a.paths.Load(); n > 2 {
		t.Errorf("%d paths were asked for, of which the first made the client go", n)
	}
}

// Requests that name many leaves or logs have few turns; those that name few are
// served beside them. Turns come back, however a request ends.
func TestLargeRequestsTakeTurns(t *testing.T) {
	s, a := watched(t, 60)
	at := length(s)
	many := append(upTo(at), 1) // with the last leaf, which is alone in its block, and for which Trillian is asked
	for round := range 3 {
		working, release := make(chan bool, 100), make(chan struct{})
		a.answer(func(context.Context) error { working <- true; <-release; return errBroken })
		var under sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for range 2 {
			under.Go(func() {
				if _, _, err := s.ProveInclusion(context.Background(), at, many); !errors.Is(err, errBroken) {
					t.Errorf("round %d: a large request that is worked on: %v", round, err)
				}
			})
			<-working
		}
		waiting := make(chan error, 6)
		for range 6 {
			go func() {
				err := registry.ErrOverloaded
				for errors.Is(err, registry.ErrOverloaded) { // while the look below has its place
					_, _, err = s.ProveInclusion(ctx, at, many)
				}
				waiting <- err
			}()
		}
		s.Eventually("six wait and a seventh is refused", func() bool {
			soon, cancel := context.WithCancel(context.Background())
			cancel() // it is not to be one of those who wait
			_, _, err := s.ProveInclusion(soon, at, many)
			return errors.Is(err, registry.ErrOverloaded)
		})
		logs := make([]reader.PackageLogCursor, len(many))
		if _, err := s.FetchLogs(context.Background(), reader.FetchLogsRequest{LogLength: at, Limit: 1, Packages: logs}); !errors.Is(err, registry.ErrOverloaded) {
			t.Errorf("round %d: many logs: %v", round, err)
		}
		if err := fetch(context.Background(), s, at, s.Author("example:p0").Name.LogID()); err != nil {
			t.Errorf("round %d: one log: %v", round, err)
		}
		cancel()
		for range 6 {
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("round %d: a client that went while it waited: %v", round, err)
			}
		}
		close(release)
		under.Wait()
	}
	a.answer(nil)
	if _, _, err := s.ProveInclusion(context.Background(), at, many); err != nil {
		t.Errorf("when all turns are free: %v", err)
	}
}

func fetch(ctx context.Context, s *registrytest.Setup, at uint64, log protocol.Hash) error {
	_, err := s.FetchLogs(ctx, reader.FetchLogsRequest{LogLength: at, Limit: 1, Packages: []reader.PackageLogCursor{{LogID: log}}})
	return err
}
