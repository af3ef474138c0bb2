package tlog

import (
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LeafHash returns the hash of an entry as a leaf, which stands in a tile of level 0
// (RFC 6962 section 2.1).
func LeafHash(entry []byte) protocol.Hash {
	return protocol.Hash(rfc6962.DefaultHasher.HashLeaf(entry))
}

// TileRoot returns the root of the perfect subtree over the hashes of a full tile, 32
// bytes each: a hash of the tile's parent, eight levels of the tree above.
func TileRoot(hashes []byte) protocol.Hash {
	level := make([][]byte, 0, TileWidth)
	for ; len(hashes) > 0; hashes = hashes[protocol.HashSize:] {
		level = append(level, hashes[:protocol.HashSize])
	}
	for len(level) > 1 {
		for i := range len(level) / 2 {
			level[i] = rfc6962.DefaultHasher.HashChildren(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return protocol.Hash(level[0])
}
