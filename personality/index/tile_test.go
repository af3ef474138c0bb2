package index

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/trillian/merkle/smt/node"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The ids of stored tiles are in databases: they may not change.
func TestTileIDs(t *testing.T) {
	path := protocol.Hash{0xab, 0xcd, 0xef}
	for depth, want := range map[uint]string{
		0: "80", 4: "a8", 8: "ab80", 12: "abc8", 16: "abcd80", 20: "abcde8", 24: "abcdef80",
	} {
		if got := hex.EncodeToString(tileID(node.NewID(string(path[:]), depth))); got != want {
			t.Errorf("depth %d: %s, want %s", depth, got, want)
		}
	}
	// Left to right: all ids of the tiles below a leaf come before the next leaf's.
	seen := map[string]bool{}
	id := node.NewID(string(path[:]), 12)
	var before []byte
	for leaf := range fanOut {
		child := childID(id, leaf)
		for below := range fanOut {
			tid := tileID(childID(child, below))
			if seen[string(tid)] || bytes.Compare(before, tid) >= 0 {
				t.Fatalf("tile %v: id %x does not come after %x", childID(child, below), tid, before)
			}
			seen[string(tid)], before = true, tid
		}
	}
}

// The form of stored tiles may not change either.
func TestTileForm(t *testing.T) {
	id := node.NewID("\x12\x30", 12)
	k := key{path: protocol.Hash{0x12, 0x34, 0x56}, leaf: protocol.Hash{1}}
	bucket := newBucket(id, []key{k})
	data := bucket.encode()
	top := climb(&k.path, k.leaf, 256, 28)
	want := append([]byte{2}, k.path[1:]...)
	want = append(append(want, k.leaf[:]...), top[:]...)
	if len(data) != len(want)+4 || !bytes.Equal(data[:len(want)], want) {
		t.Errorf("bucket %x, want %x and a checksum", data, want)
	}
	s := newStore()
	s.advance(t, NewTree(nil), Snapshot{}, 1, testKeys(0, 9, 1))
	data = s.versions["\x80"][0].data
	leaves := 0
	for bitmap := uint(data[1])<<8 | uint(data[2]); bitmap > 0; bitmap &= bitmap - 1 {
		leaves++
	}
	if data[0] != 1 || len(data) != 3+32*leaves || leaves != len(s.versions)-1 {
		t.Errorf("inner tile of %d bytes with %d leaves, and %d tiles below", len(data), leaves, len(s.versions)-1)
	}
}
