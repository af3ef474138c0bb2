package publisher_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/transparency-dev/merkle/rfc6962"
	merkletest "github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// memoryLog is a log in memory, whose Merkle tree always holds, and which takes any
// leaf from a test, any number of times.
type memoryLog struct {
	mu     sync.Mutex
	tree   *merkletest.Tree
	leaves []follow.Leaf
}

func newMemoryLog() *memoryLog { return &memoryLog{tree: merkletest.New(rfc6962.DefaultHasher)} }

// add puts leaves into the log as they are.
func (l *memoryLog) add(leaves ...follow.Leaf) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, leaf := range leaves {
		leaf.Index = uint64(len(l.leaves))
		l.leaves = append(l.leaves, leaf)
		l.tree.AppendData(leaf.Value)
	}
}

func (l *memoryLog) has(value []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.leaves, func(leaf follow.Leaf) bool { return string(leaf.Value) == string(value) })
}

func (l *memoryLog) Queue(_ context.Context, leaves []follow.Leaf) error {
	for _, leaf := range leaves {
		if !l.has(leaf.Value) {
			l.add(leaf)
		}
	}
	return nil
}

func (l *memoryLog) Integrate(context.Context) error { return nil }

func (l *memoryLog) Root(context.Context) (follow.Root, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return follow.Root{Size: l.tree.Size(), Hash: protocol.Hash(l.tree.Hash())}, nil
}

func (l *memoryLog) Leaves(_ context.Context, start uint64, count int) ([]follow.Leaf, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := uint64(len(l.leaves))
	return slices.Clone(l.leaves[min(start, size):min(start+uint64(count), size)]), nil
}

func (l *memoryLog) ConsistencyProof(_ context.Context, from, to uint64) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.ConsistencyProof(from, to)
}

func (l *memoryLog) InclusionProof(_ context.Context, index, size uint64) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.InclusionProof(index, size)
}

// changedLog stands between the registry and a log, and changes what that answers
// once it is told to. A function that is nil changes nothing.
type changedLog struct {
	parts.RecordsLog
	on    atomic.Bool
	root  func(follow.Root) (follow.Root, error)
	leaf  func([]follow.Leaf) ([]follow.Leaf, error)
	proof func([][]byte) ([][]byte, error)
	queue func([]follow.Leaf) error
}

func (l *changedLog) Root(ctx context.Context) (follow.Root, error) {
	root, err := l.RecordsLog.Root(ctx)
	if l.on.Load() && l.root != nil && err == nil {
		return l.root(root)
	}
	return root, err
}

func (l *changedLog) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	leaves, err := l.RecordsLog.Leaves(ctx, start, count)
	if l.on.Load() && l.leaf != nil && err == nil {
		return l.leaf(leaves)
	}
	return leaves, err
}

func (l *changedLog) ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error) {
	path, err := l.RecordsLog.ConsistencyProof(ctx, from, to)
	if l.on.Load() && l.proof != nil && err == nil {
		return l.proof(path)
	}
	return path, err
}

func (l *changedLog) Queue(ctx context.Context, leaves []follow.Leaf) error {
	if l.on.Load() && l.queue != nil {
		if err := l.queue(leaves); err != nil {
			return err
		}
	}
	return l.RecordsLog.Queue(ctx, leaves)
}

// once is a failure of the first call.
func once(err error) func() error {
	var called atomic.Bool
	return func() error {
		if called.CompareAndSwap(false, true) {
			return err
		}
		return nil
	}
}
