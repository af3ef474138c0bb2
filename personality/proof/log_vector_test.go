package proof

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/personality/internal/vectortest"
	"github.com/warg-trillian/warg-trillian/personality/protocol"
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
		one.ConsistentLengths = []uint32{uint32(from)}
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

type outOfRangeCase struct {
	TreeLength  uint64 `json:"tree_length"`
	Consistency []struct {
		From uint64 `json:"from"`
		To   uint64 `json:"to"`
	} `json:"consistency"`
	Inclusion []struct {
		Index  uint64 `json:"leaf_index"`
		Length uint64 `json:"log_length"`
	} `json:"inclusion"`
	Reference       string         `json:"reference"`
	StandIns        bool           `json:"uses_stand_in_hashes"`
	ReferenceBundle *decodedBundle `json:"reference_bundle"`
}

// checkOutOfRange asks for what a log of TreeLength leaves can not prove, with
// what such a log has to offer: the balanced roots and paths at its own length
// where it is asked for a greater one.
func (l *vectorLog) checkOutOfRange(t *testing.T, c outOfRangeCase) {
	short := &testLog{testonly.New(rfc6962.DefaultHasher)}
	for i := range c.TreeLength {
		short.tree.Append(l.tree.LeafHash(i))
	}
	refused := false
	want := func(b LogBundle, err error) {
		switch {
		case err == nil:
			// Two lengths can have as many balanced roots, as 10 and 12 have; of
			// that only the root tells.
			l.checkLeadsElsewhere(t, b)
		case !errors.Is(err, ErrRange) && !errors.Is(err, ErrPath) && !errors.Is(err, ErrNoProofs):
			t.Errorf("unexpected error: %v", err)
		}
		refused = true
	}
	if len(c.Consistency)+len(c.Inclusion) == 0 {
		want(InclusionBundle(c.TreeLength, short.balancedRoots(t, c.TreeLength), nil))
	}
	for _, p := range c.Consistency {
		at := min(p.To, c.TreeLength)
		if p.From >= 1 && p.From <= p.To && p.To <= c.TreeLength {
			continue // in order by itself
		}
		var last LeafPath
		if p.From >= 1 && p.From <= at {
			last = short.path(t, p.From-1, at)
		}
		want(ConsistencyBundle(p.From, p.To, short.balancedRoots(t, at), last))
	}
	for _, p := range c.Inclusion {
		at := min(p.Length, c.TreeLength)
		if p.Index < p.Length && p.Length <= c.TreeLength {
			continue
		}
		leaf := LeafPath{Index: p.Index}
		if p.Index < at {
			leaf = short.path(t, p.Index, at)
		}
		want(InclusionBundle(p.Length, short.balancedRoots(t, at), []LeafPath{leaf}))
	}
	if !refused {
		l.checkLengthsDiffer(t, c)
	}
	if c.StandIns {
		l.checkStandIns(t, c)
	}
}

// checkLengthsDiffer: proofs that are each in order, but of several lengths, do
// not go into one bundle.
func (l *vectorLog) checkLengthsDiffer(t *testing.T, c outOfRangeCase) {
	var leaves []LeafPath
	lengths := map[uint64]bool{}
	for _, p := range c.Inclusion {
		leaves = append(leaves, l.path(t, p.Index, p.Length))
		lengths[p.Length] = true
	}
	for _, p := range c.Consistency {
		leaves = append(leaves, l.path(t, p.From-1, p.To))
		lengths[p.To] = true
	}
	if len(lengths) < 2 {
		t.Fatalf("the case has nothing to refuse")
	}
	for length := range lengths {
		if _, err := InclusionBundle(length, l.balancedRoots(t, length), leaves); !errors.Is(err, ErrPath) {
			t.Errorf("at length %d: error %v, want %v", length, err, ErrPath)
		}
	}
}

// checkStandIns: a bundle that the reference filled with made-up hashes does not
// verify against the log as it becomes.
func (l *vectorLog) checkStandIns(t *testing.T, c outOfRangeCase) {
	b := LogBundle{
		LogLength:         c.ReferenceBundle.LogLength,
		ConsistentLengths: c.ReferenceBundle.ConsistentLengths,
		IncludedNodes:     c.ReferenceBundle.IncludedNodes,
	}
	for _, h := range c.ReferenceBundle.Hashes {
		raw, err := hex.DecodeString(h.Hash)
		if err != nil {
			t.Fatal(err)
		}
		b.Hashes = append(b.Hashes, NodeHash{h.Node, protocol.Hash(raw)})
	}
	l.checkLeadsElsewhere(t, b)
}

// checkLeadsElsewhere: the proofs of b are complete, but not of this log.
func (l *vectorLog) checkLeadsElsewhere(t *testing.T, b LogBundle) {
	t.Helper()
	to := uint64(b.LogLength)
	var mismatch *RootMismatchError
	for _, from := range b.ConsistentLengths {
		err := b.VerifyConsistency(uint64(from), to, l.roots[uint64(from)], l.roots[to])
		if !errors.As(err, &mismatch) {
			t.Errorf("consistency: %v, want a root mismatch", err)
		}
	}
	for _, n := range b.IncludedNodes {
		err := b.VerifyInclusion(to, l.roots[to], l.leaves(uint64(n/2)))
		if !errors.As(err, &mismatch) {
			t.Errorf("inclusion: %v, want a root mismatch", err)
		}
	}
}

type verifyCase struct {
	Name         string `json:"name"`
	BundleBase64 string `json:"bundle_base64"`
	Decodes      bool   `json:"decodes"`
	Consistency  []struct {
		From     uint64        `json:"from"`
		To       uint64        `json:"to"`
		FromRoot protocol.Hash `json:"from_root"`
		ToRoot   protocol.Hash `json:"to_root"`
		FromIs   bool          `json:"from_root_right"`
		ToIs     bool          `json:"to_root_right"`
		Variant  string        `json:"variant"`
		Panic    string        `json:"panic"`
	} `json:"consistency_5_to_11"`
	Inclusion []struct {
		Leaf    uint64        `json:"leaf_index"`
		Node    node          `json:"node"`
		Root    protocol.Hash `json:"root"`
		Is      bool          `json:"root_right"`
		Variant string        `json:"variant"`
	} `json:"inclusion_3_and_10"`
}

func (l *vectorLog) checkVerify(t *testing.T, c verifyCase) {
	data, err := base64.StdEncoding.DecodeString(c.BundleBase64)
	if err != nil {
		t.Fatal(err)
	}
	b, err := DecodeLogBundle(data)
	if (err == nil) != c.Decodes {
		t.Fatalf("decode error %v, want ok=%v", err, c.Decodes)
	}
	if err != nil {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("error %v is not ErrMalformed", err)
		}
		return
	}
	l.checkEvaluations(t, c, b)

	right := len(c.Consistency) == 1
	for _, p := range c.Consistency {
		right = right && p.FromIs && p.ToIs
	}
	if err := b.VerifyConsistency(5, 11, l.roots[5], l.roots[11]); (err == nil) != right {
		t.Errorf("consistency from 5 to 11: %v, want ok=%v", err, right)
	}
	right = len(c.Inclusion) == 2
	for _, p := range c.Inclusion {
		right = right && p.Is
	}
	if err := b.VerifyInclusion(11, l.roots[11], l.leaves(3, 10)); (err == nil) != right {
		t.Errorf("inclusion of 3 and 10: %v, want ok=%v", err, right)
	}
}

// checkEvaluations compares what each proof leads to, also where that is wrong.
func (l *vectorLog) checkEvaluations(t *testing.T, c verifyCase, b LogBundle) {
	if len(b.ConsistentLengths) != len(c.Consistency) || len(b.IncludedNodes) != len(c.Inclusion) {
		t.Fatalf("%d and %d proofs, want %d and %d", len(b.ConsistentLengths), len(b.IncludedNodes), len(c.Consistency), len(c.Inclusion))
	}
	for i, p := range c.Consistency {
		if p.Panic != "" {
			continue // from 0 or beyond the log: VerifyConsistency does not go there
		}
		from, to, err := b.evaluateConsistency(uint64(b.ConsistentLengths[i]))
		checkVariant(t, err, p.Variant)
		if err == nil && (from != p.FromRoot || to != p.ToRoot) {
			t.Errorf("consistency leads to %s and %s, want %s and %s", from, to, p.FromRoot, p.ToRoot)
		}
	}
	for i, p := range c.Inclusion {
		if node(b.IncludedNodes[i]) != p.Node {
			t.Errorf("included node %d, want %d", b.IncludedNodes[i], p.Node)
		}
		root, err := b.evaluateInclusion(p.Node, l.leaf(p.Leaf))
		checkVariant(t, err, p.Variant)
		if err == nil && root != p.Root {
			t.Errorf("inclusion leads to %s, want %s", root, p.Root)
		}
	}
}

func checkVariant(t *testing.T, err error, variant string) {
	t.Helper()
	var mismatch *RootMismatchError
	switch variant {
	case "":
		if err != nil {
			t.Errorf("unexpected error: %v", err)
		}
	case "DivergingRoots":
		if !errors.As(err, &mismatch) {
			t.Errorf("error %v, want a root mismatch", err)
		}
	case "LeafTooNew":
		if !errors.Is(err, ErrRange) {
			t.Errorf("error %v, want %v", err, ErrRange)
		}
	case "HashNotKnown", "InclusionError":
		if !errors.Is(err, ErrMissingHash) {
			t.Errorf("error %v, want %v", err, ErrMissingHash)
		}
	default:
		t.Errorf("variant %q is not known here", variant)
	}
}
