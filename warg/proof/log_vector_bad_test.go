package proof

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

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
		alone := b
		alone.IncludedNodes = nil
		err := alone.VerifyConsistency(uint64(from), to, l.roots[uint64(from)], l.roots[to])
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

	right := len(c.Consistency) == 1 && len(c.Inclusion) == 0
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
