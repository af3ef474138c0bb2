package oci

import (
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What is kept of proofs is bounded: what was listed first goes first, and the same proof
// again takes no more room.
func TestKeptProofsAreBounded(t *testing.T) {
	name, err := protocol.ParsePackageName("example:hello")
	if err != nil {
		t.Fatal(err)
	}
	made := func(number byte) *artifact {
		proof := make([]byte, largestProof)
		proof[0] = number
		a, err := newArtifact(name, "1.0.0", proof, ociimage.Image{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	s := newProofs(time.Now)
	there := func(a *artifact) bool {
		_, ok := s.get(name, a.proofDigest)
		_, same := s.get(name, a.manifestDigest)
		return ok && same
	}
	first := made(0)
	for range 100 {
		s.keep(first)
	}
	if !there(first) || len(s.kept) != 1 || s.size != first.bytes() {
		t.Errorf("%d are kept, %d bytes, want one of %d", len(s.kept), s.size, first.bytes())
	}
	var last *artifact
	for i := range byte(20) {
		last = made(i + 1)
		s.keep(last)
		if s.size > keptProofs {
			t.Fatalf("%d bytes are kept", s.size)
		}
	}
	if there(first) || !there(last) {
		t.Errorf("the first is there: %t, the last: %t", there(first), there(last))
	}
	if other, _ := protocol.ParsePackageName("example:other"); other != name {
		if _, ok := s.get(other, last.proofDigest); ok {
			t.Error("another package has it")
		}
	}
}
