package follow_test

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	merkletest "github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// memory is an honest log in memory, over the Merkle tree of another author.
type memory struct {
	tree   *merkletest.Tree
	values [][]byte
}

func newMemory(kind string, leaves int) *memory {
	m := &memory{tree: merkletest.New(rfc6962.DefaultHasher)}
	for i := range leaves {
		m.values = append(m.values, fmt.Appendf(nil, "%s %d", kind, i))
	}
	m.tree.AppendData(m.values...)
	return m
}

func (m *memory) Root(context.Context) (follow.Root, error) { return m.rootAt(m.tree.Size()), nil }

func (m *memory) rootAt(size uint64) follow.Root {
	return follow.Root{Size: size, Hash: protocol.Hash(m.tree.HashAt(size))}
}

func (m *memory) Leaves(_ context.Context, start uint64, count int) ([]follow.Leaf, error) {
	var all []follow.Leaf
	for i := start; i < min(start+uint64(count), m.tree.Size()); i++ {
		all = append(all, follow.Leaf{Index: i, Value: m.values[i], ExtraData: fmt.Append(nil, i)})
	}
	return all, nil
}

func (m *memory) ConsistencyProof(_ context.Context, from, to uint64) ([][]byte, error) {
	path, err := m.tree.ConsistencyProof(from, to)
	for i := range path {
		path[i] = slices.Clone(path[i])
	}
	return path, err
}

// source changes what a log answers.
type source struct {
	follow.Source
	root   func(follow.Root) (follow.Root, error)
	leaves func([]follow.Leaf) ([]follow.Leaf, error)
	proof  func([][]byte) ([][]byte, error)
}

func (s *source) Root(ctx context.Context) (follow.Root, error) {
	root, err := s.Source.Root(ctx)
	if err == nil && s.root != nil {
		return s.root(root)
	}
	return root, err
}

func (s *source) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	leaves, err := s.Source.Leaves(ctx, start, count)
	if err == nil && s.leaves != nil {
		return s.leaves(leaves)
	}
	return leaves, err
}

func (s *source) ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error) {
	path, err := s.Source.ConsistencyProof(ctx, from, to)
	if err == nil && s.proof != nil {
		return s.proof(path)
	}
	return path, err
}

// state is what somebody knows who has read the first leaves of a log.
func (m *memory) state(t *testing.T, size uint64) follow.State {
	t.Helper()
	batch, err := follow.Next(t.Context(), m, follow.State{}, int(size))
	if err != nil || batch.State.Size() != size {
		t.Fatalf("read %d leaves: now at %d, error %v", size, batch.State.Size(), err)
	}
	return batch.State
}

// Whatever the sizes and the limit, all leaves come once, in order, and the states
// on the way have the roots of the log.
func TestNext(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 7, 8, 9, 64, 100} {
		log := newMemory("leaf", size)
		for _, limit := range []int{1, 2, 3, 7, 64, 1000} {
			var known follow.State
			for more := size > 0; more; {
				batch, err := follow.Next(t.Context(), log, known, limit)
				if err != nil {
					t.Fatalf("%d leaves, %d at a time, at %d: %v", size, limit, known.Size(), err)
				}
				if want := min(limit, size-int(known.Size())); len(batch.Leaves) != want {
					t.Fatalf("%d leaves, %d at a time, at %d: got %d, want %d", size, limit, known.Size(), len(batch.Leaves), want)
				}
				for i, leaf := range batch.Leaves {
					at := known.Size() + uint64(i)
					if leaf.Index != at || string(leaf.Value) != string(log.values[at]) || string(leaf.ExtraData) != fmt.Sprint(at) {
						t.Errorf("leaf %d: %+v", at, leaf)
					}
				}
				known, more = batch.State, batch.More()
				if got, want := known.Root(), log.rootAt(known.Size()); got != want {
					t.Errorf("at %d: root %+v, want %+v", known.Size(), got, want)
				}
			}
			if known.Size() != uint64(size) {
				t.Errorf("%d leaves, %d at a time: ended at %d", size, limit, known.Size())
			}
		}
	}
}

// A state that was stored goes on like the one that it was stored from, and none of
// the two changes when the other goes on.
func TestStates(t *testing.T) {
	log := newMemory("leaf", 50)
	for size := range uint64(51) {
		read := log.state(t, size)
		stored, err := follow.NewState(read.Size(), read.Subtrees())
		if err != nil {
			t.Fatal(err)
		}
		next := stored.Append([]byte("another"))
		if next.Size() != size+1 || next.Root() == read.Root() {
			t.Errorf("%d leaves and one more: %+v", size, next.Root())
		}
		for _, s := range []follow.State{read, stored} {
			if s.Root() != log.rootAt(size) {
				t.Errorf("%d leaves: root %+v, want %+v", size, s.Root(), log.rootAt(size))
			}
			if _, err := follow.Next(t.Context(), log, s, 100); err != nil {
				t.Errorf("going on from %d: %v", size, err)
			}
		}
		subtrees := read.Subtrees()
		for _, wrong := range [][]protocol.Hash{append(slices.Clone(subtrees), protocol.Hash{}), subtrees[:max(0, len(subtrees)-1)]} {
			if len(wrong) == bits.OnesCount64(size) {
				continue
			}
			if _, err := follow.NewState(size, wrong); err == nil {
				t.Errorf("a state of %d leaves was made from %d subtrees", size, len(wrong))
			}
		}
	}
}

// Lies are found, whatever was known before, and told from passing failures.
func TestLies(t *testing.T) {
	const size = 11
	honest, other := newMemory("leaf", size), newMemory("other leaf", size)
	lies := map[string]*source{
		"forked root":   {root: func(r follow.Root) (follow.Root, error) { r.Hash[0]++; return r, nil }},
		"shorter log":   {root: func(r follow.Root) (follow.Root, error) { return honest.rootAt(2), nil }},
		"another log":   {Source: other},
		"wrong value":   {leaves: change(func(l []follow.Leaf) []follow.Leaf { l[len(l)-1].Value = []byte("x"); return l })},
		"missing leaf":  {leaves: change(func(l []follow.Leaf) []follow.Leaf { return l[1:] })},
		"leaf left out": {leaves: change(func(l []follow.Leaf) []follow.Leaf { return slices.Delete(l, 1, 2) })},
		"leaf twice":    {leaves: change(func(l []follow.Leaf) []follow.Leaf { l[1] = l[0]; l[1].Index++; return l })},
		"two leaves in each other's place": {leaves: change(func(l []follow.Leaf) []follow.Leaf {
			l[0].Value, l[1].Value = l[1].Value, l[0].Value
			return l
		})},
		"wrong place": {leaves: change(func(l []follow.Leaf) []follow.Leaf { l[0].Index++; return l })},
		"no proof":    {proof: noPath},
		"too long a proof": {proof: func(path [][]byte) ([][]byte, error) {
			return append(path, make([]byte, protocol.HashSize)), nil
		}},
		"damaged proof": {proof: func(path [][]byte) ([][]byte, error) { path[0][0]++; return path, nil }},
		"short hash":    {proof: func(path [][]byte) ([][]byte, error) { path[0] = path[0][1:]; return path, nil }},
	}
	for name, lie := range lies {
		if lie.Source == nil {
			lie.Source = honest
		}
		for _, from := range []uint64{3, 4, 7} {
			for _, limit := range []int{3, size} {
				if lie.proof != nil && lie.root == nil && limit == size {
					continue // the root is recomputed, and nobody asks for a proof
				}
				_, err := follow.Next(t.Context(), lie, honest.state(t, from), limit)
				inconsistent, ok := errors.AsType[*follow.InconsistentError](err)
				if !ok {
					t.Errorf("%s, from %d, %d leaves: error %v", name, from, limit, err)
				} else if inconsistent.Size < from || inconsistent.Error() == "" {
					t.Errorf("%s, from %d, %d leaves: %+v", name, from, limit, inconsistent)
				}
			}
		}
	}
}

// Answers that would be taken for something else are named for what they are: a log
// that shrank, and true leaves beyond the limit.
func TestLiesByName(t *testing.T) {
	log := newMemory("leaf", 11)
	shorter := &source{Source: log, root: func(follow.Root) (follow.Root, error) { return log.rootAt(2), nil }}
	eager := &source{Source: log, leaves: func(l []follow.Leaf) ([]follow.Leaf, error) {
		more, err := log.Leaves(t.Context(), l[0].Index, len(l)+1)
		return more, err
	}}
	for words, s := range map[string]*source{"the log has 2 leaves now, and 4 were read": shorter, "4 leaves where 3 were asked for": eager} {
		if _, err := follow.Next(t.Context(), s, log.state(t, 4), 3); !isInconsistent(err) || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q", err, words)
		}
	}
}

func noPath([][]byte) ([][]byte, error) { return nil, nil }

func change(f func([]follow.Leaf) []follow.Leaf) func([]follow.Leaf) ([]follow.Leaf, error) {
	return func(l []follow.Leaf) ([]follow.Leaf, error) { return f(slices.Clone(l)), nil }
}

// A log that was read to its end and does not grow is still asked for its root.
func TestNothingNew(t *testing.T) {
	log := newMemory("leaf", 5)
	known := log.state(t, 5)
	batch, err := follow.Next(t.Context(), log, known, 10)
	if err != nil || len(batch.Leaves) != 0 || batch.More() || batch.State.Root() != known.Root() {
		t.Errorf("nothing new: %+v, error %v", batch, err)
	}
	log.tree.AppendData([]byte("more"))
	batch, err = follow.Next(t.Context(), log, known, 0)
	if err != nil || len(batch.Leaves) != 0 || !batch.More() || batch.State.Root() != known.Root() {
		t.Errorf("something new, and none wanted: %+v, error %v", batch, err)
	}
	forked := &source{Source: log, root: func(r follow.Root) (follow.Root, error) { r.Hash[0]++; return r, nil }}
	if _, err = follow.Next(t.Context(), forked, known, 0); !isInconsistent(err) {
		t.Errorf("forked, and no leaf wanted: %v", err)
	}
}

func isInconsistent(err error) bool {
	_, ok := errors.AsType[*follow.InconsistentError](err)
	return ok
}

// A failure in the middle takes nothing away: what is asked for again comes again.
func TestFailsOnce(t *testing.T) {
	log := newMemory("leaf", 9)
	known := log.state(t, 3)
	failed := errors.New("it is away")
	fails := func() error { err := failed; failed = nil; return err }
	for name, s := range map[string]*source{
		"root":   {root: func(r follow.Root) (follow.Root, error) { return r, fails() }},
		"leaves": {leaves: func(l []follow.Leaf) ([]follow.Leaf, error) { return l, fails() }},
		"proof after leaves": {proof: func(path [][]byte) ([][]byte, error) {
			return path, fails()
		}},
		"no leaves": {leaves: func(l []follow.Leaf) ([]follow.Leaf, error) {
			if fails() != nil {
				l = nil
			}
			return l, nil
		}},
	} {
		failed = errors.New("it is away")
		s.Source = log
		batch, err := follow.Next(t.Context(), s, known, 4)
		if err == nil || isInconsistent(err) || len(batch.Leaves) > 0 || batch.State.Size() != 0 {
			t.Errorf("%s: %+v, error %v", name, batch, err)
		}
		batch, err = follow.Next(t.Context(), s, known, 4)
		if err != nil || len(batch.Leaves) != 4 || batch.Leaves[0].Index != 3 || batch.State.Root() != log.rootAt(7) {
			t.Errorf("%s, asked again: %+v, error %v", name, batch, err)
		}
	}
}

func TestConsistent(t *testing.T) {
	log, other := newMemory("leaf", 9), newMemory("other leaf", 9)
	for from := range uint64(10) {
		for to := range uint64(10) {
			err := follow.Consistent(t.Context(), log, log.rootAt(from), log.rootAt(to))
			if (err == nil) != (from <= to) || err != nil && !isInconsistent(err) {
				t.Errorf("from %d to %d: %v", from, to, err)
			}
			if err := follow.Consistent(t.Context(), log, other.rootAt(from), log.rootAt(to)); from > 0 && !isInconsistent(err) {
				t.Errorf("from %d of another log to %d: %v", from, to, err)
			}
		}
	}
}

// Who follows a log needs no server.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, refused := range []string{"/personality", "google/trillian", "database/sql", "google.golang.org/grpc", "net/http"} {
			if strings.Contains(dep, refused) {
				t.Errorf("imports %s", dep)
			}
		}
	}
}
