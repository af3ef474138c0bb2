package reader_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// asked is a records log that counts the paths it is asked for, and answers as
// it is told.
type asked struct {
	parts.RecordsLog
	paths  atomic.Int64
	before atomic.Pointer[func(ctx context.Context) error] // an error is the answer
}

func (a *asked) InclusionProof(ctx context.Context, index, size uint64) ([][]byte, error) {
	a.paths.Add(1)
	if before := a.before.Load(); before != nil {
		if err := (*before)(ctx); err != nil {
			return nil, err
		}
	}
	return a.RecordsLog.InclusionProof(ctx, index, size)
}

// answer sets what comes before each answer; nil for nothing.
func (a *asked) answer(before func(context.Context) error) {
	if before == nil {
		a.before.Store(nil)
		return
	}
	a.before.Store(&before)
}

// watched is a registry whose records log is watched, with the given number of
// packages of one record each; with the operator's record that makes one leaf
// more. It keeps nothing in memory, so that all that is asked for is read.
func watched(t *testing.T, packages int) (*registrytest.Setup, *asked) {
	t.Helper()
	s := registrytest.New(t)
	a := &asked{RecordsLog: s.Options.Records}
	s.Options.Records, s.CacheBytes = a, 0
	s.Renew()
	s.Start()
	var posting sync.WaitGroup
	const authors = 16
	for w := range authors {
		posting.Go(func() {
			for i := w; i < packages; i += authors {
				author := s.Author(fmt.Sprintf("example:p%d", i))
				author.Post(registrytest.Init(author.Key))
			}
		})
	}
	posting.Wait()
	s.Eventually("all is published", func() bool { return length(s) == uint64(packages)+1 })
	return s, a
}

// length is that of the newest checkpoint.
func length(s *registrytest.Setup) uint64 {
	c, _ := s.LatestCheckpoint(context.Background())
	return c.Contents.LogLength
}

// upTo lists the first n leaves.
func upTo(n uint64) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i)
	}
	return all
}

// awayError is what a records log says that is away.
type awayError struct{}

func (awayError) Error() string     { return "it is away" }
func (awayError) Unavailable() bool { return true }

var errBroken = errors.New("it is broken")

// everyRead asks all that needs the database, by what it is.
func everyRead(s *registrytest.Setup) map[string]func(context.Context) error {
	log := s.Author("example:p0").Name.LogID()
	return map[string]func(context.Context) error{
		"LatestCheckpoint": func(ctx context.Context) error { _, err := s.LatestCheckpoint(ctx); return err },
		"RecordStatus":     func(ctx context.Context) error { _, err := s.RecordStatus(ctx, log, log); return err },
		"Names":            func(ctx context.Context) error { _, err := s.Names(ctx, []protocol.Hash{log}); return err },
		"Leaves":           func(ctx context.Context) error { _, err := s.Leaves(ctx, 0, 1); return err },
		"FetchLogs":        func(ctx context.Context) error { return fetch(ctx, s, 2, log) },
		"ProveInclusion":   func(ctx context.Context) error { _, _, err := s.ProveInclusion(ctx, 2, []uint64{1}); return err },
		"ProveConsistency": func(ctx context.Context) error { _, err := s.ProveConsistency(ctx, 1, 2); return err },
		"Stats":            func(ctx context.Context) error { _, err := s.Stats(ctx); return err },
		"VerifyCheckpoint": func(ctx context.Context) error {
			_, _, err := s.VerifyCheckpoint(ctx, protocol.ReceivedCheckpoint{})
			return err
		},
		"ReadyDatabase": s.ReadyDatabase,
	}
}
