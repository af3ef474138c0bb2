package reader_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/internal/cache"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// another is a reader of a registry, as another process is, that may keep so many
// bytes.
func another(s *registrytest.Setup, bytes int64) *reader.Reader {
	c := cache.New(bytes)
	return reader.New(reader.Options{Store: s.Options.Store, Records: s.Options.Records, Index: index.NewTree(c), Contents: s.Options.Contents, Cache: c})
}

// question is something that is asked, of any reader.
type question func(*reader.Reader) (answer any, err error)

// questions are n at random about a registry at one of its checkpoints: also about
// logs, tokens and leaves that are not there, not yet there, or no heads.
func questions(rng *rand.Rand, n int, at uint64, leaves []protocol.LogLeaf) []question {
	ctx := context.Background()
	logID := func() protocol.Hash {
		if rng.IntN(40) == 0 {
			return protocol.HashOf([]byte("no log"))
		}
		return leaves[1+rng.IntN(len(leaves)-1)].LogID
	}
	token := func(log protocol.Hash) string {
		switch rng.IntN(50) {
		case 0:
			return "no token"
		case 1:
			return protocol.Hash{}.String()
		}
		var of []string
		for _, leaf := range leaves {
			if leaf.LogID == log {
				of = append(of, leaf.RecordID.String())
			}
		}
		if len(of) == 0 || rng.IntN(3) == 0 {
			return ""
		}
		return of[rng.IntN(len(of))]
	}
	all := make([]question, n)
	for i := range all {
		switch rng.IntN(3) {
		case 0:
			q := reader.FetchLogsRequest{LogLength: at, Limit: 1 + rng.IntN(5)*rng.IntN(40), Operator: token(protocol.OperatorLogID())}
			for range rng.IntN(40) {
				log := logID()
				q.Packages = append(q.Packages, reader.PackageLogCursor{LogID: log, FetchToken: token(log)})
			}
			all[i] = func(r *reader.Reader) (any, error) { return r.FetchLogs(ctx, q) }
		case 1:
			indices := make([]uint64, rng.IntN(4)*rng.IntN(4))
			for i := range indices {
				indices[i] = uint64(1 + rng.IntN(int(at)-1))
			}
			all[i] = func(r *reader.Reader) (any, error) {
				inLog, inMap, err := r.ProveInclusion(ctx, at, indices)
				return [2][]byte{inLog, inMap}, err
			}
		case 2:
			ids := make([]protocol.Hash, rng.IntN(10))
			for i := range ids {
				ids[i] = logID()
			}
			all[i] = func(r *reader.Reader) (any, error) { return r.Names(ctx, ids) }
		}
	}
	return all
}

// Readers answer alike whatever they keep: all, a little of it, or nothing. They are
// asked while more is published, at new checkpoints and old ones.
func TestAnswersAreThoseOfOneThatKeepsNothing(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	readers := map[string]*reader.Reader{"much": another(s, 8<<20), "little": another(s, 20<<10), "the registry's own": s.Reader}
	rng := rand.New(rand.NewPCG(10, 10))
	old := s.Author("example:old") // it changes again and again
	old.Post(registrytest.Init(old.Key))
	first := old.Post(registrytest.Release("1.0.0", "content"))
	s.Must(old.Upload(first.RecordID, "content"))
	var checkpoints []uint64
	for round := range 12 {
		var loading sync.WaitGroup
		for i := range 6 {
			loading.Go(func() { s.Load(fmt.Sprintf("example:p%dx%d", round, i), 1+i%3) })
		}
		old.Post(registrytest.Release(fmt.Sprintf("2.0.%d", round), "content"))
		loading.Wait()
		checkpoints = append(checkpoints, length(s))
		leaves, err := s.Leaves(context.Background(), 0, int(length(s)))
		s.Must(err)
		for range 3 {
			at := checkpoints[rng.IntN(len(checkpoints))]
			for i, ask := range questions(rng, 30, at, leaves) {
				want, wantErr := ask(another(s, 0))
				for keeps, r := range readers {
					got, err := ask(r)
					if fmt.Sprint(err) != fmt.Sprint(wantErr) || reflect.TypeOf(err) != reflect.TypeOf(wantErr) {
						t.Fatalf("round %d, at %d, question %d, keeps %s: error %v, want %v", round, at, i, keeps, err, wantErr)
					}
					if err == nil && !reflect.DeepEqual(got, want) {
						t.Fatalf("round %d, at %d, question %d, keeps %s: another answer:\n%v\nwant\n%v", round, at, i, keeps, got, want)
					}
				}
			}
		}
	}
}

// What was proved once is proved again, and what stands near it, without asking
// Trillian, at later checkpoints as well.
func TestPathsAreAskedForOnce(t *testing.T) {
	s, a := watched(t, 600)
	r := another(s, 8<<20)
	ask := func(at uint64, leaves ...uint64) int64 {
		t.Helper()
		a.paths.Store(0)
		got, _, err := r.ProveInclusion(context.Background(), at, leaves)
		s.Must(err)
		n := a.paths.Load()
		if want := fromPaths(s, a, at, leaves).Encode(); string(got) != string(want) {
			t.Errorf("leaves %d at %d: the log bundle differs from the one of a path for each leaf", leaves, at)
		}
		return n
	}
	at := length(s)
	if n := ask(at, 7); n != 1 {
		t.Errorf("%d paths for the first leaf", n)
	}
	if n := ask(at, 7) + ask(at, 8) + ask(at, 255, 9, 100); n != 0 {
		t.Errorf("%d paths for leaves of the same block", n)
	}
	if n := ask(at, 256, 270); n != 0 {
		t.Errorf("%d paths for the block beside it, whose way is known by then", n)
	}
	if n := ask(at, 590, at-1); n != 0 {
		t.Errorf("%d paths for leaves below balanced roots that are blocks", n)
	}
	s.Load("example:more", 2)
	if n := ask(length(s), 7, 260); n != 0 {
		t.Errorf("%d paths for the same blocks at the next checkpoint", n)
	}
	a.answer(func(context.Context) error { return errBroken })
	if _, _, err := r.ProveInclusion(context.Background(), at, []uint64{4, 280}); err != nil {
		t.Errorf("Trillian is broken, and nothing is needed of it: %v", err)
	}
	if _, _, err := another(s, 8<<20).ProveInclusion(context.Background(), at, []uint64{4}); !errors.Is(err, errBroken) {
		t.Errorf("Trillian is broken, and a path is needed: %v", err)
	}
}
