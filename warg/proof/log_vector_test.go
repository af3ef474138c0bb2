package proof

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const logVectors = "log_tree.json"

// vectorLog reads the leaves and roots of the vector file: the log that all of
// its cases are about.
type vectorLog struct {
	*testLog
	roots map[uint64]protocol.Hash
}

func readVectorLog(t *testing.T) *vectorLog {
	t.Helper()
	var doc struct {
		LeafCount int `json:"leaf_count"`
		Cases     []struct {
			Kind     string        `json:"kind"`
			LogID    protocol.Hash `json:"log_id"`
			RecordID protocol.Hash `json:"record_id"`
			Length   uint64        `json:"length"`
			// Of other kinds this is null, or about something else.
			Root json.RawMessage `json:"root"`
		} `json:"cases"`
	}
	vectortest.Shared(t, logVectors, &doc)
	l := &vectorLog{newTestLog(0), map[uint64]protocol.Hash{}}
	for _, c := range doc.Cases {
		switch c.Kind {
		case "leaf":
			leaf := protocol.LogLeaf{LogID: c.LogID, RecordID: c.RecordID}
			l.tree.AppendData(leaf.Encode())
		case "root":
			var root protocol.Hash
			if err := json.Unmarshal(c.Root, &root); err != nil {
				t.Fatal(err)
			}
			l.roots[c.Length] = root
		}
	}
	if got := int(l.tree.Size()); got == 0 || got != doc.LeafCount {
		t.Fatalf("%d leaves, the file counts %d", got, doc.LeafCount)
	}
	return l
}

func TestVectorsLogTree(t *testing.T) {
	l := readVectorLog(t)
	vectortest.Run(t, logVectors, map[string]vectortest.Handler{
		"leaf":                 vectortest.Check(l.checkLeaf),
		"root":                 vectortest.Check(l.checkRoot),
		"node":                 vectortest.Check(l.checkNode),
		"inclusion":            vectortest.Check(l.checkBundle),
		"consistency":          vectortest.Check(l.checkBundle),
		"mixed":                vectortest.Check(l.checkBundle),
		"request_out_of_range": vectortest.Check(l.checkOutOfRange),
		"verify_bundle":        vectortest.Check(l.checkVerify),
	})
}

type leafCase struct {
	Index    uint64        `json:"index"`
	LogID    protocol.Hash `json:"log_id"`
	RecordID protocol.Hash `json:"record_id"`
	Encoding string        `json:"encoding_hex"`
	Hash     protocol.Hash `json:"leaf_hash"`
	Node     uint64        `json:"node"`
}

func (l *vectorLog) checkLeaf(t *testing.T, c leafCase) {
	leaf := protocol.LogLeaf{LogID: c.LogID, RecordID: c.RecordID}
	if got := hex.EncodeToString(leaf.Encode()); got != c.Encoding {
		t.Errorf("encoding %s, want %s", got, c.Encoding)
	}
	if leaf.Hash() != c.Hash || l.leaf(c.Index) != c.Hash {
		t.Errorf("leaf hash %s, in the tree %s, want %s", leaf.Hash(), l.leaf(c.Index), c.Hash)
	}
	if got := leafNode(c.Index); got != node(c.Node) {
		t.Errorf("node %d, want %d", got, c.Node)
	}
}

type rootCase struct {
	Length uint64        `json:"length"`
	Root   protocol.Hash `json:"root"`
	Nodes  []node        `json:"balanced_root_nodes"`
}

func (l *vectorLog) checkRoot(t *testing.T, c rootCase) {
	if got := balancedRootNodes(c.Length); !slices.Equal(got, c.Nodes) {
		t.Errorf("balanced root nodes %d, want %d", got, c.Nodes)
	}
	if c.Length == 0 {
		if got := RootOf(nil); got != c.Root {
			t.Errorf("root of the empty log %s, want %s", got, c.Root)
		}
		return
	}
	roots, err := BalancedRoots(c.Length, l.path(t, c.Length-1, c.Length))
	if err != nil {
		t.Fatal(err)
	}
	if got := RootOf(roots); got != c.Root {
		t.Errorf("root %s, want %s", got, c.Root)
	}
}

type nodeCase struct {
	Node    node          `json:"node"`
	Height  int           `json:"height"`
	Parent  node          `json:"parent"`
	Sibling node          `json:"sibling"`
	Hash    protocol.Hash `json:"hash"`
}

func (l *vectorLog) checkNode(t *testing.T, c nodeCase) {
	n := c.Node
	if n.height() != c.Height || n.parent() != c.Parent || n.sibling() != c.Sibling {
		t.Errorf("node %d: height %d, parent %d, sibling %d; want %d, %d, %d",
			n, n.height(), n.parent(), n.sibling(), c.Height, c.Parent, c.Sibling)
	}
	if got := l.node(n); got != c.Hash {
		t.Errorf("node %d: hash %s, want %s", n, got, c.Hash)
	}
}

// decodedBundle is a bundle as the vector files spell it out.
type decodedBundle struct {
	LogLength         uint32   `json:"log_length"`
	ConsistentLengths []uint32 `json:"consistent_lengths"`
	IncludedNodes     []uint32 `json:"included_nodes"`
	Hashes            []struct {
		Node uint32 `json:"node"`
		Hash string `json:"hash_hex"`
	} `json:"hashes"`
}

func (d decodedBundle) equal(b LogBundle) bool {
	return d.LogLength == b.LogLength && slices.Equal(d.ConsistentLengths, b.ConsistentLengths) &&
		slices.Equal(d.IncludedNodes, b.IncludedNodes) &&
		slices.EqualFunc(d.Hashes, b.Hashes, func(d struct {
			Node uint32 `json:"node"`
			Hash string `json:"hash_hex"`
		}, h NodeHash) bool {
			return d.Node == h.Node && d.Hash == hex.EncodeToString(h.Hash[:])
		})
}

// bundleCase is of kind inclusion, consistency or mixed.
type bundleCase struct {
	LogLength         uint64        `json:"log_length"`
	ConsistentLengths []uint64      `json:"consistent_lengths"`
	LeafIndices       []uint64      `json:"leaf_indices"`
	Root              protocol.Hash `json:"root"`

	From     uint64        `json:"from"`
	To       uint64        `json:"to"`
	FromRoot protocol.Hash `json:"from_root"`
	ToRoot   protocol.Hash `json:"to_root"`

	BundleBase64 string        `json:"bundle_base64"`
	Bundle       decodedBundle `json:"bundle"`
}

func (l *vectorLog) checkBundle(t *testing.T, c bundleCase) {
	if c.To > 0 { // kind consistency
		c.LogLength, c.ConsistentLengths, c.Root = c.To, []uint64{c.From}, c.ToRoot
		if c.FromRoot != l.roots[c.From] {
			t.Fatalf("root at %d is %s, elsewhere in the file %s", c.From, c.FromRoot, l.roots[c.From])
		}
	}
	// The bundle made here is that of the reference, byte for byte.
	parts := []LogBundle{}
	for _, from := range c.ConsistentLengths {
		b, err := l.consistency(t, from, c.LogLength)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b)
	}
	if len(c.LeafIndices) > 0 {
		b, err := l.inclusion(t, c.LogLength, c.LeafIndices...)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b)
	}
	if got := base64.StdEncoding.EncodeToString(union(parts...).Encode()); got != c.BundleBase64 {
		t.Errorf("bundle %s, want %s", got, c.BundleBase64)
	}
	// The reference's bundle reads as it should, and verifies.
	data, err := base64.StdEncoding.DecodeString(c.BundleBase64)
	if err != nil {
		t.Fatal(err)
	}
	b, err := DecodeLogBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Bundle.equal(b) {
		t.Errorf("decoded %+v, want %+v", b, c.Bundle)
	}
	if len(c.LeafIndices) > 0 {
		if err := b.VerifyInclusion(c.LogLength, c.Root, l.leaves(c.LeafIndices...)); err != nil {
			t.Error(err)
		}
	}
	for _, from := range c.ConsistentLengths {
		one := b
		one.ConsistentLengths, one.IncludedNodes = []uint32{uint32(from)}, nil
		if err := one.VerifyConsistency(from, c.LogLength, l.roots[from], c.Root); err != nil {
			t.Error(err)
		}
	}
}

// union makes one bundle of several about the same length.
func union(bundles ...LogBundle) LogBundle {
	all := LogBundle{LogLength: bundles[0].LogLength}
	var hashes nodeHashes
	for _, b := range bundles {
		all.ConsistentLengths = append(all.ConsistentLengths, b.ConsistentLengths...)
		all.IncludedNodes = append(all.IncludedNodes, b.IncludedNodes...)
		hashes = append(hashes, b.Hashes...)
	}
	all.Hashes = hashes.sorted()
	return all
}
