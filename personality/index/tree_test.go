package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// checkProofs compares proofs of paths in a snapshot with the naive map.
func checkProofs(t *testing.T, tree *Tree, s *store, at Snapshot, m naiveMap, paths []protocol.Hash) {
	t.Helper()
	found, err := tree.prove(context.Background(), s, at, paths)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		got, ok := found[path]
		if _, want := m[path]; ok != want {
			t.Fatalf("revision %d, path %x: proven=%v, want %v", at.Revision, path, ok, want)
		} else if !want {
			continue
		}
		same := slices.EqualFunc(got.siblings, m.proof(path), func(a *protocol.Hash, b protocol.Hash) bool { return *a == b })
		if !same {
			t.Fatalf("revision %d, path %x: siblings %v, want %v", at.Revision, path, got, m.proof(path))
		}
	}
}

// Batches of new and known keys at random, on revisions that leave gaps; every
// revision has the right root, and stays provable.
func TestRandomBatches(t *testing.T) {
	for _, tiles := range []int{0, 20, 4096} {
		t.Run(fmt.Sprintf("cache=%d", tiles), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, uint64(tiles)))
			tree, s, at, m := NewTree(cached(tiles)), newStore(), Snapshot{}, naiveMap{}
			type past struct {
				at Snapshot
				m  naiveMap
			}
			history := []past{{at, naiveMap{}}}
			for range 25 {
				var keys []key
				for range 1 + rng.IntN(1<<rng.IntN(7)) {
					n := rng.IntN(400)
					keys = append(keys, testKeys(n, n+1, rng.IntN(3))...)
				}
				m.put(keys)
				at = s.advance(t, tree, at, 1+rng.Uint64N(1000), slices.Clone(keys))
				if want := m.root(); at.Root != want {
					t.Fatalf("revision %d: root %s, want %s", at.Revision, at.Root, want)
				}
				if got, err := Root(context.Background(), s, at.Revision); err != nil || got != at.Root {
					t.Fatalf("revision %d: root as stored %s, %v, want %s", at.Revision, got, err, at.Root)
				}
				history = append(history, past{at, maps.Clone(m)})
			}
			for _, p := range history {
				var paths []protocol.Hash
				for range 6 {
					n := rng.IntN(500)
					paths = append(paths, testKeys(n, n+1, 0)[0].path)
				}
				checkProofs(t, tree, s, p.at, p.m, paths)
			}
		})
	}
}

// crafted makes a path that shares that many bits with base and then differs.
func crafted(base protocol.Hash, shared, n int) protocol.Hash {
	path := testHash('c', n)
	for i := range shared {
		setBit(&path, i, bit(&base, i))
	}
	if shared < 256 {
		setBit(&path, shared, 1-bit(&base, shared))
	}
	return path
}

func setBit(path *protocol.Hash, i int, to byte) {
	path[i/8] = path[i/8]&^(0x80>>(i%8)) | to<<(7-i%8)
}

// Keys that share long prefixes, in all numbers that matter: one beside, several
// at each of several depths, and full subtrees at the very bottom.
func TestSharedPrefixes(t *testing.T) {
	base := testHash('b', 0)
	sets := map[string][]protocol.Hash{}
	for _, shared := range []int{0, 3, 4, 23, 24, 27, 28, 30, 31, 43, 44, 200, 251, 252, 253, 254, 255} {
		sets[fmt.Sprintf("%d bits", shared)] = []protocol.Hash{base, crafted(base, shared, shared)}
	}
	var stairs, beside []protocol.Hash
	for shared := range 256 {
		stairs = append(stairs, crafted(base, shared, shared))
	}
	sets["all lengths"] = append(stairs, base)
	for n := range 30 {
		beside = append(beside, crafted(base, 40, n))
	}
	sets["30 that share 40 bits"] = beside
	var bottom []protocol.Hash
	for n := range 32 {
		path := base
		path[31] = path[31]&^31 | byte(n)
		bottom = append(bottom, path)
	}
	sets["two full tiles at the bottom"] = bottom
	sets["all of these"] = slices.Concat(sets["all lengths"], beside, bottom)

	for name, paths := range sets {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, uint64(len(paths))))
			m := naiveMap{}
			tree, s, at := NewTree(cached(50)), newStore(), Snapshot{}
			rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			for rest := paths; len(rest) > 0; {
				n := min(1+rng.IntN(1+len(paths)/4), len(rest))
				var keys []key
				for i, path := range rest[:n] {
					keys = append(keys, key{path: path, leaf: testHash('l', i)})
				}
				m.put(keys)
				at = s.advance(t, tree, at, 1, keys)
				if want := m.root(); at.Root != want {
					t.Fatalf("root %s, want %s", at.Root, want)
				}
				rest = rest[n:]
			}
			asked := slices.Clone(paths[:min(len(paths), 12)])
			asked = append(asked, crafted(paths[0], 254, 1), crafted(paths[0], 100, 1), testHash('x', 0))
			checkProofs(t, tree, s, at, m, asked)
			checkProofs(t, NewTree(nil), s, at, m, asked)

			// What is stored follows from the map alone, not from the way to it.
			once := newStore()
			var keys []key
			for path, leaf := range m {
				keys = append(keys, key{path: path, leaf: leaf})
			}
			once.advance(t, NewTree(nil), Snapshot{}, 1, keys)
			if !s.equal(once) {
				t.Error("tiles made in one batch differ from those made in several")
			}
		})
	}
}

func TestBatchesMakeEqualTiles(t *testing.T) {
	one, two := newStore(), newStore()
	one.advance(t, NewTree(nil), Snapshot{}, 1, testKeys(0, 3000, 1))
	at := Snapshot{}
	for _, from := range []int{2000, 0, 1000, 1500} { // 1500 to 2500 twice, with leaves of generation 0 first
		generation := 1
		if from == 2000 {
			generation = 0
		}
		at = two.advance(t, NewTree(cached(100)), at, 1, testKeys(from, from+1000, generation))
	}
	at = two.advance(t, NewTree(cached(100)), at, 1, testKeys(2500, 3000, 1))
	if !one.equal(two) {
		t.Error("tiles differ")
	}
	root, err := Root(context.Background(), one, 1)
	if err != nil || root != at.Root {
		t.Errorf("root %s, %v, want %s", root, err, at.Root)
	}
}

func TestUpdateWithoutEffect(t *testing.T) {
	tree, s := NewTree(cached(10)), newStore()
	root, tiles, err := tree.Update(context.Background(), s, Snapshot{}, nil)
	if err != nil || root != EmptyRoot() || len(tiles) != 0 {
		t.Errorf("nothing into the empty map: root %s, %d tiles, %v", root, len(tiles), err)
	}
	at := s.advance(t, tree, Snapshot{}, 5, testKeys(0, 100, 1))
	root, tiles, err = tree.update(context.Background(), s, at, testKeys(20, 30, 1))
	if err != nil || root != at.Root || len(tiles) != 0 {
		t.Errorf("what is there already: root %s, %d tiles, %v", root, len(tiles), err)
	}
	// Of several changes the last counts.
	keys := append(testKeys(20, 21, 2), testKeys(20, 21, 1)...)
	root, tiles, err = tree.update(context.Background(), s, at, keys)
	if err != nil || root != at.Root || len(tiles) != 0 {
		t.Errorf("there and back: root %s, %d tiles, %v", root, len(tiles), err)
	}
}

func TestProveRefusals(t *testing.T) {
	ctx, s := context.Background(), newStore()
	tree := NewTree(cached(10))
	known, unknown := proof.MapLeaf{LogID: testHash('i', 1), RecordID: testHash('r', 1)}, proof.MapLeaf{LogID: testHash('i', 2)}
	root, tiles, err := tree.Update(ctx, s, Snapshot{}, []Change{{LogID: known.LogID, RecordID: known.RecordID}})
	if err != nil {
		t.Fatal(err)
	}
	s.put(7, tiles)
	at := Snapshot{Revision: 7, Root: root}
	if b, err := tree.Prove(ctx, s, at, nil); err != nil || len(b.Encode()) != 0 {
		t.Errorf("no logs: %v, %v", b, err)
	}
	var absent *AbsentError
	if _, err := tree.Prove(ctx, s, at, []proof.MapLeaf{known, unknown}); !errors.As(err, &absent) || absent.LogID != unknown.LogID {
		t.Errorf("unknown log: %v", err)
	}
	if _, err := tree.Prove(ctx, s, Snapshot{}, []proof.MapLeaf{known}); !errors.As(err, &absent) || absent.LogID != known.LogID {
		t.Errorf("log in the empty map: %v", err)
	}
	// A log that is asked for twice is proven twice.
	b, err := tree.Prove(ctx, s, at, []proof.MapLeaf{known, known})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Verify(root, []proof.MapLeaf{known, known}); err != nil {
		t.Error(err)
	}
	// Another record than the head is refused by what its proof leads to.
	old := proof.MapLeaf{LogID: known.LogID, RecordID: testHash('r', 2)}
	var mismatch *proof.RootMismatchError
	if _, err := tree.Prove(ctx, s, at, []proof.MapLeaf{known, old}); !errors.As(err, &mismatch) || mismatch.Want != root || mismatch.Got == root {
		t.Errorf("not the head: %v", err)
	}
}

// A tile that is missing, or has any one byte changed, is noticed by those who
// come by it, and by no one else.
func TestDamagedTiles(t *testing.T) {
	ctx := context.Background()
	s := newStore()
	keys := testKeys(0, 40, 1)
	at := s.advance(t, NewTree(nil), Snapshot{}, 5, slices.Clone(keys))
	for id, versions := range s.versions {
		good := versions[0].data
		damages := [][]byte{{}, good[:len(good)-1], append(slices.Clone(good), 0), nil}
		for i := range good {
			bad := slices.Clone(good)
			bad[i] ^= 1 << (i % 8)
			damages = append(damages, bad)
		}
		for i, bad := range damages {
			s.versions[id] = []version{{5, bad}}
			if bad == nil {
				delete(s.versions, id)
			}
			_, _, err := NewTree(nil).update(ctx, s, at, testKeys(0, 40, 2))
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("tile %x, damage %d: update: %v", id, i, err)
			}
			if i%16 != 0 {
				continue
			}
			_, err = NewTree(nil).prove(ctx, s, at, []protocol.Hash{keys[0].path})
			if concerned := onPath(keys[0].path, id); errors.Is(err, ErrCorrupt) != concerned {
				t.Fatalf("tile %x, damage %d: proof: %v, want an error=%v", id, i, err, concerned)
			}
		}
		s.versions[id] = versions
	}
	// A tile that is whole, but another's or of another revision.
	wrong := Snapshot{Revision: 5, Root: testHash('w', 0)}
	if _, _, err := NewTree(nil).update(ctx, s, wrong, testKeys(0, 1, 2)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another root: %v", err)
	}
}

func onPath(path protocol.Hash, id string) bool {
	k := key{path: path}
	v := visit{keys: []key{k}, tile: newInner(visit{}.id)}
	for {
		if bytes.Equal(tileID(v.id), []byte(id)) {
			return true
		}
		if depthOf(v.id) >= 8*len(id) {
			return false
		}
		v = *v.descend()[0]
		v.tile = newInner(v.id)
	}
}

type failingReader struct{ error }

func (f failingReader) Tiles(context.Context, [][]byte, uint64) (map[string][]byte, error) {
	return nil, f.error
}

func TestReaderErrors(t *testing.T) {
	ctx, broken := context.Background(), failingReader{errors.New("disk on fire")}
	at := Snapshot{Revision: 5, Root: testHash('r', 0)}
	if _, _, err := NewTree(nil).update(ctx, broken, at, testKeys(0, 1, 0)); !errors.Is(err, broken.error) {
		t.Errorf("update: %v", err)
	}
	if _, err := NewTree(nil).Prove(ctx, broken, at, []proof.MapLeaf{{}}); !errors.Is(err, broken.error) {
		t.Errorf("prove: %v", err)
	}
	if _, err := Root(ctx, broken, 5); !errors.Is(err, broken.error) {
		t.Errorf("root: %v", err)
	}
}

// One Tree serves updates and proofs at once.
func TestConcurrentUse(t *testing.T) {
	tree, s := NewTree(cached(64)), newStore()
	at := s.advance(t, tree, Snapshot{}, 1, testKeys(0, 500, 0))
	next := s.advance(t, tree, at, 1, testKeys(0, 50, 1))
	m := naiveMap{}
	m.put(testKeys(0, 500, 0))
	frozen := lockedReader{store: s}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 100 {
				n := (worker*131 + i*17) % 500
				path := testKeys(n, n+1, 0)[0].path
				found, err := tree.prove(context.Background(), &frozen, at, []protocol.Hash{path})
				if err != nil || len(found) != 1 {
					t.Errorf("proof %d: %v, %d proofs", n, err, len(found))
				}
				root, _, err := tree.update(context.Background(), &frozen, at, testKeys(0, 50, 1))
				if err != nil || root != next.Root {
					t.Errorf("update: root %s, %v, want %s", root, err, next.Root)
				}
			}
		})
	}
	wg.Wait()
}

type lockedReader struct {
	mu sync.Mutex
	*store
}

func (r *lockedReader) Tiles(ctx context.Context, ids [][]byte, revision uint64) (map[string][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.store.Tiles(ctx, ids, revision)
}
