package proof

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What decodes encodes, reads back as the same, and can be given to the
// verifier; what does not is refused as malformed.
func FuzzDecodeLogBundle(f *testing.F) {
	l := newTestLog(11)
	b := LogBundle{LogLength: 11, ConsistentLengths: []uint32{5}, IncludedNodes: []uint32{6, 20}}
	for n := range node(21) {
		if n.lastLeaf() < 11 {
			b.Hashes = append(b.Hashes, NodeHash{uint32(n), l.node(n)})
		}
	}
	f.Add(b.Encode())
	f.Add([]byte{})
	f.Add([]byte("garbage"))
	f.Add([]byte{0x10, 5, 0x12, 2, 6, 7, 0x18, 1}) // packed and not packed
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeLogBundle(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v is not ErrMalformed", err)
			}
			return
		}
		encoded := b.Encode()
		again, err := DecodeLogBundle(encoded)
		if err != nil || !reflect.DeepEqual(again, b) || !bytes.Equal(again.Encode(), encoded) {
			t.Fatalf("%+v reads back as %+v, error %v", b, again, err)
		}
		length := uint64(b.LogLength)
		alone := b
		alone.IncludedNodes = nil
		for _, from := range b.ConsistentLengths {
			if alone.VerifyConsistency(uint64(from), length, protocol.Hash{}, protocol.Hash{1}) == nil {
				t.Fatal("made-up roots verify")
			}
		}
		leaves := make([]Leaf, len(b.IncludedNodes))
		for i, n := range b.IncludedNodes {
			leaves[i].Index = uint64(n) / 2
		}
		if b.VerifyInclusion(length, protocol.Hash{1}, leaves) == nil {
			t.Fatal("a made-up root verifies")
		}
	})
}

func FuzzDecodeMapBundle(f *testing.F) {
	hash := protocol.HashOf([]byte("sibling"))
	f.Add(MapBundle{Proofs: []MapProof{{&hash, nil, &hash}, {}}}.Encode())
	f.Add([]byte{})
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeMapBundle(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v is not ErrMalformed", err)
			}
			return
		}
		encoded := b.Encode()
		again, err := DecodeMapBundle(encoded)
		if err != nil || !reflect.DeepEqual(again, b) || !bytes.Equal(again.Encode(), encoded) {
			t.Fatalf("%+v reads back as %+v, error %v", b, again, err)
		}
		if b.Verify(protocol.Hash{1}, make([]MapLeaf, len(b.Proofs))) == nil {
			t.Fatal("a made-up root verifies")
		}
	})
}
