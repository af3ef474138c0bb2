package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"

	"github.com/google/trillian/merkle/smt/node"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// key is one key of a bucket.
//
// A change to one key of a bucket needs the hashes of the others, but not at
// the leaves, from where they would cost some 230 hashes each: they are kept at
// a depth, topDepth, where the key is alone in its subtree. That depth follows
// from the keys in the bucket: it is the first of 28, 44, 60, ... that is 8 or more
// below the tile's root, or deeper if another key goes further along with this
// one.
type key struct {
	path     protocol.Hash
	leaf     protocol.Hash // hash of the leaf, at depth 256
	top      protocol.Hash // hash of the node at depth topDepth on the path
	topDepth int
}

// baseTopDepth is the topDepth in a tile at that depth of keys that part early.
func baseTopDepth(depth int) int {
	const first, every, margin = 28, 16, 8
	top := first
	for top < depth+margin {
		top += every
	}
	return min(top, proof.MapDepth)
}

// topDepths calls set with the topDepth of each key of a bucket.
func topDepths(depth int, keys []key, set func(k *key, topDepth int)) {
	base := baseTopDepth(depth)
	before := 0 // bits that the key shares with the one before
	for i := range keys {
		after := 0
		if i+1 < len(keys) {
			after = sharedBits(&keys[i].path, &keys[i+1].path)
		}
		set(&keys[i], max(base, before+1, after+1))
		before = after
	}
}

// sharedBits is the length of the longest common prefix of two paths.
func sharedBits(a, b *protocol.Hash) int {
	for i := range a {
		if diff := a[i] ^ b[i]; diff != 0 {
			return 8*i + bits.LeadingZeros8(diff)
		}
	}
	return proof.MapDepth
}

// bit is the bit of the path that leads from that depth to the next: 0 is left.
func bit(path *protocol.Hash, depth int) byte { return path[depth/8] >> (7 - depth%8) & 1 }

// climb returns the hash of the node at depth to on the path, given that of the
// node at depth from, with nothing beside the path in between.
func climb(path *protocol.Hash, hash protocol.Hash, from, to int) protocol.Hash {
	for depth := from - 1; depth >= to; depth-- {
		empty := proof.EmptyMapHash(proof.MapDepth - 1 - depth)
		if bit(path, depth) == 1 {
			hash = proof.HashChildren(&empty, &hash)
		} else {
			hash = proof.HashChildren(&hash, &empty)
		}
	}
	return hash
}

// newBucket makes a bucket of keys (by path, at least one), whose top hashes it
// brings to the depth where they belong: those that are not there already, or
// have topDepth 0, are computed from the leaf. It takes the slice over.
func newBucket(id node.ID, keys []key) *tile {
	depth := depthOf(id)
	topDepths(depth, keys, func(k *key, topDepth int) {
		if k.topDepth != topDepth {
			k.top, k.topDepth = climb(&k.path, k.leaf, proof.MapDepth, topDepth), topDepth
		}
	})
	return &tile{id: id, root: subtreeRoot(keys, depth), keys: keys}
}

// subtreeRoot is the hash of the node at that depth above keys, at least one.
func subtreeRoot(keys []key, depth int) protocol.Hash {
	first := &keys[0]
	if len(keys) == 1 {
		return climb(&first.path, first.top, first.topDepth, depth)
	}
	fork, right := part(keys)
	l, r := subtreeRoot(keys[:right], fork+1), subtreeRoot(keys[right:], fork+1)
	return climb(&first.path, proof.HashChildren(&l, &r), fork, depth)
}

// part returns the depth of the node where keys, at least two, part, and the
// position of the first that goes to the right.
func part(keys []key) (fork, right int) {
	fork = sharedBits(&keys[0].path, &keys[len(keys)-1].path)
	right = slices.IndexFunc(keys, func(k key) bool { return bit(&k.path, fork) == 1 })
	return fork, right
}

// split returns the position behind the run of keys, from the first on, that
// lead to the same leaf of an inner tile at that depth.
func split(keys []key, depth int) int {
	for i := 1; i < len(keys); i++ {
		if nibble(&keys[i].path, depth) != nibble(&keys[0].path, depth) {
			return i
		}
	}
	return len(keys)
}

// nibble is the 4 bits of the path from that depth, a multiple of 4, on.
func nibble(path *protocol.Hash, depth int) int {
	return int(path[depth/8]>>(4-depth%8)) & (fanOut - 1)
}

// A stored bucket ends in a CRC-32C of all before it: paths and leaf hashes have
// no part in its root as long as the top hashes stand for them.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeBucket(depth int, keys []key) []byte {
	rest := depth / 8
	data := make([]byte, 1, 1+len(keys)*(3*protocol.HashSize-rest)+crc32.Size)
	data[0] = bucketFormat
	for i := range keys {
		data = append(data, keys[i].path[rest:]...)
		data = append(data, keys[i].leaf[:]...)
		data = append(data, keys[i].top[:]...)
	}
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// decodeBucket reads a stored bucket, format byte included.
func decodeBucket(id node.ID, data []byte) ([]key, error) {
	depth := depthOf(id)
	rest := depth / 8
	size := 3*protocol.HashSize - rest
	end := len(data) - crc32.Size
	if end < 1 || binary.BigEndian.Uint32(data[end:]) != crc32.Checksum(data[:end], castagnoli) {
		return nil, fmt.Errorf("bucket of %d bytes with a wrong checksum", len(data))
	}
	data = data[1:end]
	if len(data) == 0 || len(data)%size != 0 {
		return nil, fmt.Errorf("bucket of %d bytes, want a multiple of %d", len(data), size)
	}
	keys := make([]key, len(data)/size)
	for i := range keys {
		k := &keys[i]
		copy(k.path[:], id.FullBytes())
		if rest > len(id.FullBytes()) { // the last byte is a whole one
			k.path[rest-1], _ = id.LastByte()
		}
		n := copy(k.path[rest:], data)
		n += copy(k.leaf[:], data[n:])
		n += copy(k.top[:], data[n:])
		data = data[n:]
		if node.NewID(string(k.path[:]), uint(depth)) != id {
			return nil, fmt.Errorf("key %d of the bucket is at %x, outside of it", i, k.path)
		}
		if i > 0 && bytes.Compare(keys[i-1].path[:], k.path[:]) >= 0 {
			return nil, fmt.Errorf("key %d of the bucket does not come after the one before", i)
		}
	}
	topDepths(depth, keys, func(k *key, topDepth int) { k.topDepth = topDepth })
	return keys, nil
}
