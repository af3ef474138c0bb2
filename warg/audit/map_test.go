package audit

import (
	"context"
	"encoding/base64"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// vectorMap is the map of the vector file: it is built by its inserts, one at a time,
// and asked for proofs at each.
type vectorMap struct {
	maps  []packageMap
	heads map[protocol.Hash]protocol.Hash
}

func TestVectorsMapTree(t *testing.T) {
	m := &vectorMap{heads: map[protocol.Hash]protocol.Hash{}}
	ignored := vectortest.Check(func(*testing.T, struct{}) {}) // package proof checks these
	vectortest.Run(t, "map_tree.json", map[string]vectortest.Handler{
		"empty_tree_hash": ignored, "verify_bundle": ignored,
		"insert": vectortest.Check(m.insert), "proof": vectortest.Check(m.proof), "absent": vectortest.Check(m.absent),
	})
}

func (m *vectorMap) insert(t *testing.T, c struct {
	Step     int           `json:"step"`
	LogID    protocol.Hash `json:"log_id"`
	RecordID protocol.Hash `json:"record_id"`
	Root     protocol.Hash `json:"root"`
}) {
	next := memoryMap{}
	if len(m.maps) > 0 {
		for key, value := range m.maps[len(m.maps)-1].store.(memoryMap) {
			next[key] = value
		}
	}
	m.maps = append(m.maps, packageMap{next})
	if c.Step == 0 {
		if emptyMapRoot() != c.Root {
			t.Errorf("empty root %s, want %s", emptyMapRoot(), c.Root)
		}
		return
	}
	m.heads[c.LogID] = c.RecordID
	root, err := m.maps[c.Step].update(context.Background(), []mapEntry{newMapEntry(c.LogID, c.RecordID)})
	must(t, err)
	if root != c.Root {
		t.Errorf("step %d: root %s, want %s", c.Step, root, c.Root)
	}
	// All at once it is the same.
	at, err := packageMap{memoryMap{}}.update(context.Background(), sortedHeads(m.heads))
	if err != nil || at != c.Root {
		t.Errorf("step %d, at once: root %s, %v", c.Step, at, err)
	}
}

func (m *vectorMap) proof(t *testing.T, c struct {
	Step    int `json:"step"`
	Entries []struct {
		LogID protocol.Hash `json:"log_id"`
	} `json:"entries"`
	Bundle string `json:"bundle_base64"`
}) {
	var ids []protocol.Hash
	for _, e := range c.Entries {
		ids = append(ids, e.LogID)
	}
	bundle, err := m.maps[c.Step].bundle(context.Background(), ids...)
	must(t, err)
	raw, err := base64.StdEncoding.DecodeString(c.Bundle)
	must(t, err)
	got, err := proof.DecodeMapBundle(bundle)
	must(t, err)
	want, err := proof.DecodeMapBundle(raw)
	must(t, err)
	if len(got.Proofs) != len(want.Proofs) {
		t.Fatalf("step %d: %d proofs, want %d", c.Step, len(got.Proofs), len(want.Proofs))
	}
	for i := range want.Proofs {
		if fullProof(got.Proofs[i]) != fullProof(want.Proofs[i]) {
			t.Errorf("step %d: proof %d differs", c.Step, i)
		}
	}
}

// fullProof is a proof with all of its siblings: the reference writes out some that are
// empty.
func fullProof(p proof.MapProof) (all [proof.MapDepth]protocol.Hash) {
	for level := range all {
		all[level] = proof.EmptyMapHash(level)
		if i := level - (len(all) - len(p)); i >= 0 && p[i] != nil {
			all[level] = *p[i]
		}
	}
	return all
}

// A key that is absent is proved so, and then has the value that is set.
func (m *vectorMap) absent(t *testing.T, c struct {
	Step  int           `json:"step"`
	LogID protocol.Hash `json:"log_id"`
	Root  protocol.Hash `json:"root"`
}) {
	ctx := context.Background()
	siblings, has, err := m.maps[c.Step].prove(ctx, protocol.MapKey(c.LogID))
	must(t, err)
	partial := newPartialMap()
	must(t, partial.add(protocol.MapKey(c.LogID), proof.EmptyMapHash(0), siblings))
	if has || partial.root() != c.Root {
		t.Errorf("step %d: has %v, root %s, want %s", c.Step, has, partial.root(), c.Root)
	}
	if err := provesAbsent(proof.MapBundle{Proofs: []proof.MapProof{siblings}}, c.Root, c.LogID); err != nil {
		t.Errorf("step %d: %v", c.Step, err)
	}
}

// What proofs of some keys say of a change is what the map itself becomes.
func TestPartialMap(t *testing.T) {
	ctx := context.Background()
	heads := map[protocol.Hash]protocol.Hash{}
	id := func(i int) protocol.Hash { return protocol.HashOf([]byte{byte(i), byte(i >> 8)}) }
	for i := range 200 {
		heads[id(i)] = id(i + 1000)
	}
	m := packageMap{memoryMap{}}
	before, err := m.update(ctx, sortedHeads(heads))
	must(t, err)
	partial := newPartialMap()
	changes := map[protocol.Hash]protocol.Hash{}
	for i := 150; i < 300; i += 3 {
		key := protocol.MapKey(id(i))
		siblings, has, err := m.prove(ctx, key)
		must(t, err)
		leaf := proof.EmptyMapHash(0)
		if has {
			leaf = protocol.MapLeafHash(heads[id(i)])
		}
		must(t, partial.add(key, leaf, siblings))
		changes[id(i)] = id(i + 5000)
	}
	if got := partial.root(); got != before {
		t.Fatalf("root before: %s, want %s", got, before)
	}
	for logID, head := range changes {
		partial.leaves[protocol.MapKey(logID)] = protocol.MapLeafHash(head)
	}
	after, err := m.update(ctx, sortedHeads(changes))
	must(t, err)
	if got := partial.root(); got != after {
		t.Errorf("root after: %s, want %s", got, after)
	}
}
