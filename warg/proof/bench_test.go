package proof

import "testing"

// BenchmarkInclusionBundle makes and encodes the bundle of one leaf of 100,000.
func BenchmarkInclusionBundle(b *testing.B) {
	const length = 100_000
	l := newTestLog(length)
	last, err := l.tree.InclusionProof(length-1, length)
	if err != nil {
		b.Fatal(err)
	}
	roots, err := BalancedRoots(length, LeafPath{Index: length - 1, LeafHash: l.leaf(length - 1), Path: last})
	if err != nil {
		b.Fatal(err)
	}
	path, err := l.tree.InclusionProof(12345, length)
	if err != nil {
		b.Fatal(err)
	}
	leaf := LeafPath{Index: 12345, LeafHash: l.leaf(12345), Path: path}
	b.ReportAllocs()
	for b.Loop() {
		bundle, err := InclusionBundle(length, roots, []LeafPath{leaf})
		if err != nil || len(bundle.Encode()) == 0 {
			b.Fatal(err)
		}
	}
}
