package index

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// vectorMap is the map of the vector file, with all of its steps as revisions.
type vectorMap struct {
	tree  *Tree
	store *store
	steps []Snapshot
}

func TestVectorsMapTree(t *testing.T) {
	m := &vectorMap{tree: NewTree(cached(16)), store: newStore()}
	vectortest.Run(t, "map_tree.json", map[string]vectortest.Handler{
		"empty_tree_hash": vectortest.Check(checkEmpty),
		"insert":          vectortest.Check(m.checkInsert),
		"proof":           vectortest.Check(m.checkProof),
		"absent":          vectortest.Check(m.checkAbsent),
		"verify_bundle":   vectortest.Check(checkVerify),
	})
}

func checkEmpty(t *testing.T, c struct {
	Level int           `json:"level"`
	Hash  protocol.Hash `json:"hash"`
}) {
	if got := proof.EmptyMapHash(c.Level); got != c.Hash {
		t.Errorf("level %d: %s, want %s", c.Level, got, c.Hash)
	}
}

type insertCase struct {
	Step     int           `json:"step"`
	LogID    protocol.Hash `json:"log_id"`
	Path     string        `json:"key_path_hex"`
	RecordID protocol.Hash `json:"record_id"`
	LeafHash protocol.Hash `json:"leaf_hash"`
	Root     protocol.Hash `json:"root"`
}

func (m *vectorMap) checkInsert(t *testing.T, c insertCase) {
	if c.Step != len(m.steps) {
		t.Fatalf("step %d comes after %d", c.Step, len(m.steps)-1)
	}
	if c.Step == 0 { // the empty map
		m.steps = append(m.steps, Snapshot{})
		if EmptyRoot() != c.Root {
			t.Errorf("empty root %s, want %s", EmptyRoot(), c.Root)
		}
		return
	}
	if path := protocol.MapKey(c.LogID); hex.EncodeToString(path[:]) != c.Path {
		t.Errorf("path %x, want %s", path, c.Path)
	}
	if got := protocol.MapLeafHash(c.RecordID); got != c.LeafHash {
		t.Errorf("leaf hash %s, want %s", got, c.LeafHash)
	}
	change := []Change{{LogID: c.LogID, RecordID: c.RecordID}}
	root, tiles, err := m.tree.Update(context.Background(), m.store, m.steps[c.Step-1], change)
	if err != nil {
		t.Fatal(err)
	}
	if root != c.Root {
		t.Fatalf("root %s, want %s", root, c.Root)
	}
	at := Snapshot{Revision: uint64(10 * c.Step), Root: root}
	m.store.put(at.Revision, tiles)
	m.steps = append(m.steps, at)
}

type proofCase struct {
	Step    int           `json:"step"`
	Root    protocol.Hash `json:"root"`
	Entries []struct {
		LogID    protocol.Hash `json:"log_id"`
		RecordID protocol.Hash `json:"record_id"`
	} `json:"entries"`
	BundleBase64 string      `json:"bundle_base64"`
	Hashes       [][]*string `json:"proof_hashes_hex"`
}

func (m *vectorMap) checkProof(t *testing.T, c proofCase) {
	var leaves []proof.MapLeaf
	for _, e := range c.Entries {
		leaves = append(leaves, proof.MapLeaf{LogID: e.LogID, RecordID: e.RecordID})
	}
	b, err := m.tree.Prove(context.Background(), m.store, m.steps[c.Step], leaves)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(b.Encode()); got != c.BundleBase64 {
		t.Errorf("bundle %s, want %s", got, c.BundleBase64)
	}
	data, err := base64.StdEncoding.DecodeString(c.BundleBase64)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = proof.DecodeMapBundle(data); err != nil {
		t.Fatal(err)
	}
	same := slices.EqualFunc(b.Proofs, c.Hashes, func(p proof.MapProof, hashes []*string) bool {
		return slices.EqualFunc(p, hashes, func(got *protocol.Hash, want *string) bool {
			if got == nil || want == nil {
				return got == nil && want == nil
			}
			return hex.EncodeToString(got[:]) == *want
		})
	})
	if !same {
		t.Errorf("decoded %v, want %v", b.Proofs, c.Hashes)
	}
	err = b.Verify(c.Root, leaves)
	if len(leaves) == 0 { // an empty bundle can be made, but verifies nothing
		if !errors.Is(err, proof.ErrNoProofs) {
			t.Errorf("error %v, want %v", err, proof.ErrNoProofs)
		}
	} else if err != nil {
		t.Error(err)
	}
}

func (m *vectorMap) checkAbsent(t *testing.T, c struct {
	Step  int           `json:"step"`
	LogID protocol.Hash `json:"log_id"`
}) {
	_, err := m.tree.Prove(context.Background(), m.store, m.steps[c.Step], []proof.MapLeaf{{LogID: c.LogID}})
	var absent *AbsentError
	if !errors.As(err, &absent) || absent.LogID != c.LogID {
		t.Errorf("error %v, want that log %s is absent", err, c.LogID)
	}
}

func checkVerify(t *testing.T, c struct {
	Root         protocol.Hash `json:"root"`
	LogID        protocol.Hash `json:"log_id"`
	RecordID     protocol.Hash `json:"record_id"`
	BundleBase64 string        `json:"bundle_base64"`
	Decodes      bool          `json:"decodes"`
	ProofCount   int           `json:"proof_count"`
	Evaluated    protocol.Hash `json:"evaluated_root"`
	RootRight    bool          `json:"root_right"`
}) {
	data, err := base64.StdEncoding.DecodeString(c.BundleBase64)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proof.DecodeMapBundle(data)
	if (err == nil) != c.Decodes {
		t.Fatalf("decode error %v, want ok=%v", err, c.Decodes)
	}
	if err != nil {
		if !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("error %v is not ErrMalformed", err)
		}
		return
	}
	if len(b.Proofs) != c.ProofCount {
		t.Fatalf("%d proofs, want %d", len(b.Proofs), c.ProofCount)
	}
	err = b.Verify(c.Root, []proof.MapLeaf{{LogID: c.LogID, RecordID: c.RecordID}})
	var mismatch *proof.RootMismatchError
	switch {
	case c.RootRight:
		if err != nil {
			t.Error(err)
		}
	case c.ProofCount != 1:
		if !errors.Is(err, proof.ErrProofCount) {
			t.Errorf("error %v, want %v", err, proof.ErrProofCount)
		}
	case len(b.Proofs[0]) > proof.MapDepth:
		if !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("error %v, want %v", err, proof.ErrMalformed)
		}
	case !errors.As(err, &mismatch):
		t.Errorf("error %v, want a root mismatch", err)
	case mismatch.Got != c.Evaluated:
		t.Errorf("leads to %s, want %s", mismatch.Got, c.Evaluated)
	}
}
