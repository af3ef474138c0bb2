package index

import (
	"testing"

	"github.com/google/trillian/merkle/smt/node"
)

// A tile that decodes, from whatever bytes, can be written and read again as the
// same.
func FuzzDecodeTile(f *testing.F) {
	path := testHash('p', 0)
	s := newStore()
	s.advance(f, NewTree(nil), Snapshot{}, 1, testKeys(0, 20, 1))
	for _, versions := range s.versions {
		f.Add(uint8(0), versions[0].data)
		f.Add(uint8(1), versions[0].data)
	}
	f.Add(uint8(64), newBucket(node.NewID(string(path[:]), 256), []key{{path: path}}).encode())
	f.Fuzz(func(t *testing.T, level uint8, data []byte) {
		id := node.NewID(string(path[:]), tileHeight*uint(level%65))
		read, err := decodeTile(id, data)
		if err != nil {
			return
		}
		again, err := decodeTile(id, read.encode())
		if err != nil || again.root != read.root {
			t.Fatalf("root %s of the first reading, %v of the second, error %v", read.root, again, err)
		}
	})
}
