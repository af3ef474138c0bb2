package publisher_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// liar stands between the registry and a real Trillian log, and changes what
// that answers once it is told to.
type liar struct {
	parts.RecordsLog
	lying atomic.Bool
	root  func(follow.Root) follow.Root
	leaf  func([]follow.Leaf) []follow.Leaf
	proof func([][]byte) [][]byte
}

func (l *liar) Root(ctx context.Context) (follow.Root, error) {
	root, err := l.RecordsLog.Root(ctx)
	if l.lying.Load() && l.root != nil {
		root = l.root(root)
	}
	return root, err
}

func (l *liar) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	leaves, err := l.RecordsLog.Leaves(ctx, start, count)
	if l.lying.Load() && l.leaf != nil && err == nil {
		leaves = l.leaf(leaves)
	}
	return leaves, err
}

func (l *liar) ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error) {
	path, err := l.RecordsLog.ConsistencyProof(ctx, from, to)
	if l.lying.Load() && l.proof != nil {
		path = l.proof(path)
	}
	return path, err
}

// Signing stops at the first lie, for good; reading goes on, and readiness says
// why.
func TestLyingTrillian(t *testing.T) {
	for name, lie := range map[string]*liar{
		"forked root":  {root: func(r follow.Root) follow.Root { r.Hash[0]++; return r }},
		"shorter tree": {root: func(r follow.Root) follow.Root { r.Size = 1; return r }},
		"wrong leaf": {leaf: func(l []follow.Leaf) []follow.Leaf {
			l[0].Value = protocol.LogLeaf{}.Encode()
			return l
		}},
		"leaf of another kind": {leaf: func(l []follow.Leaf) []follow.Leaf { l[0].Value = []byte("x"); return l }},
		"missing leaf":         {leaf: func(l []follow.Leaf) []follow.Leaf { return l[1:] }},
		"wrong place":          {leaf: func(l []follow.Leaf) []follow.Leaf { l[0].Index++; return l }},
		"proof that does not fit": {proof: func(path [][]byte) [][]byte {
			return append(path, make([]byte, protocol.HashSize))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			lie.RecordsLog = s.Options.Records
			s.Options.Records = lie
			s.Renew()
			s.Start()
			s.Load("example:honest", 2)
			before, err := s.LatestCheckpoint(context.Background())
			s.Must(err)

			lie.lying.Store(true)
			for _, name := range []string{"example:one", "example:two"} { // more than one leaf at a time, perhaps
				a := s.Author(name)
				a.Post(registrytest.Init(a.Key))
			}
			s.Eventually("signing has stopped", func() bool {
				err := s.Ready(context.Background())
				return err != nil && strings.Contains(err.Error(), "signing has stopped")
			})
			lie.lying.Store(false)
			select {
			case <-s.Stopped:
				t.Error("Run returned, which ends the process and its reading")
			case <-time.After(50 * time.Millisecond):
			}
			after, err := s.LatestCheckpoint(context.Background())
			s.Must(err)
			if after.Contents.Checkpoint != before.Contents.Checkpoint {
				t.Errorf("signed %+v on a lie", after.Contents)
			}
			s.CheckPublished()

			// An honest Trillian and a new process publish what was accepted.
			s.Reopen()
			s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
			s.Start()
			one := s.Author("example:one")
			s.Eventually("what was accepted is published", func() bool {
				names, err := s.Names(context.Background(), []protocol.Hash{one.Name.LogID()})
				return err == nil && names[0].Name != ""
			})
			s.CheckPublished()
		})
	}
}
