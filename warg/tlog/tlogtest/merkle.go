package tlogtest

import (
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func leafHash(entry []byte) protocol.Hash {
	return protocol.Hash(rfc6962.DefaultHasher.HashLeaf(entry))
}

// Root is the Merkle tree hash of leaf hashes (RFC 6962 section 2.1).
func Root(leaves []protocol.Hash) protocol.Hash {
	switch len(leaves) {
	case 0:
		return protocol.HashOf()
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	left, right := Root(leaves[:k]), Root(leaves[k:])
	return protocol.HashOf([]byte{1}, left[:], right[:])
}

// Path is the inclusion proof of a leaf (RFC 6962 section 2.1.1).
func Path(leaves []protocol.Hash, index int) []protocol.Hash {
	if len(leaves) < 2 {
		return nil
	}
	k := split(len(leaves))
	if index < k {
		return append(Path(leaves[:k], index), Root(leaves[k:]))
	}
	return append(Path(leaves[k:], index-k), Root(leaves[:k]))
}

// split is the greatest power of two below n, which is 2 or more.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// mapRoot is the root of the sparse Merkle map with the heads of logs, by log id.
func mapRoot(heads map[protocol.Hash]protocol.Hash) protocol.Hash {
	var keys []mapEntry
	for log, head := range heads {
		keys = append(keys, mapEntry{protocol.MapKey(log), protocol.MapLeafHash(head)})
	}
	empty := make([]protocol.Hash, 257)
	empty[0] = protocol.HashOf([]byte{0})
	for i := 1; i < len(empty); i++ {
		empty[i] = protocol.HashOf([]byte{1}, empty[i-1][:], empty[i-1][:])
	}
	return mapNode(keys, 0, empty)
}

type mapEntry struct{ key, leaf protocol.Hash }

func mapNode(entries []mapEntry, depth int, empty []protocol.Hash) protocol.Hash {
	switch {
	case len(entries) == 0:
		return empty[256-depth]
	case depth == 256:
		return entries[0].leaf
	}
	isRight := func(e mapEntry) bool { return e.key[depth/8]>>(7-depth%8)&1 == 1 }
	right := slices.DeleteFunc(slices.Clone(entries), func(e mapEntry) bool { return !isRight(e) })
	left := slices.DeleteFunc(slices.Clone(entries), isRight)
	l, r := mapNode(left, depth+1, empty), mapNode(right, depth+1, empty)
	return protocol.HashOf([]byte{1}, l[:], r[:])
}
