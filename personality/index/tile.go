package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/google/trillian/merkle/smt"
	"github.com/google/trillian/merkle/smt/node"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

const (
	tileHeight = 4               // levels from the root of an inner tile to its leaves
	fanOut     = 1 << tileHeight // leaves of an inner tile
	// bucketSize is the number of keys up to which a tile is a bucket.
	bucketSize = 8
)

// tile is one tile, decoded. It is never changed once made.
type tile struct {
	id   node.ID       // of its root; the depth is a multiple of tileHeight
	root protocol.Hash // never that of an empty subtree
	// inner are the hashes of an inner tile in heap order: the root at 1, the
	// children of i at 2i and 2i+1, so the leaves from fanOut on. nil in a bucket.
	inner *innerNodes
	// keys are those of a bucket, by path, at least one.
	keys []key
}

// size is about how many bytes a tile takes in memory.
func (t *tile) size() int64 {
	const path = 16 // of its id
	size := unsafe.Sizeof(*t) + path + uintptr(cap(t.keys))*unsafe.Sizeof(key{})
	if t.inner != nil {
		size += unsafe.Sizeof(*t.inner)
	}
	return int64(size)
}

type innerNodes [2 * fanOut]protocol.Hash

func depthOf(id node.ID) int { return int(id.BitLen()) }

// tileID encodes the position of a tile: the bits of the path to it, a bit 1,
// and as many bits 0 as fill the byte. It is 1 to 33 bytes long, unique, and
// sorts tiles from left to right.
func tileID(id node.ID) []byte {
	last, bits := id.LastByte()
	switch bits {
	case 8:
		return append(append([]byte(id.FullBytes()), last), 0x80)
	case 0:
		return []byte{0x80}
	}
	return append([]byte(id.FullBytes()), last|0x80>>bits)
}

// The first byte of a stored tile.
const (
	innerFormat  = 1 // then the bit map of its non-empty leaves (16 bits, the leftmost highest) and their hashes
	bucketFormat = 2 // then for each key the rest of its path from the tile's last whole byte on, leaf hash, top hash; then a checksum
)

// encode returns the tile as it is stored.
func (t *tile) encode() []byte {
	if t.inner == nil {
		return encodeBucket(depthOf(t.id), t.keys)
	}
	empty := proof.EmptyMapHash(proof.MapDepth - depthOf(t.id) - tileHeight)
	data := make([]byte, 3, 3+fanOut*protocol.HashSize)
	data[0] = innerFormat
	var present uint16
	for i := range fanOut {
		if hash := &t.inner[fanOut+i]; *hash != empty {
			present |= 1 << (fanOut - 1 - i)
			data = append(data, hash[:]...)
		}
	}
	binary.BigEndian.PutUint16(data[1:], present)
	return data
}

// decodeTile reads a stored tile.
func decodeTile(id node.ID, data []byte) (*tile, error) {
	if len(data) == 0 {
		return nil, errors.New("no bytes")
	}
	switch data[0] {
	case innerFormat:
		leaves, err := decodeLeaves(id, data[1:])
		if err != nil {
			return nil, err
		}
		return newInner(id).with(leaves)
	case bucketFormat:
		keys, err := decodeBucket(id, data)
		if err != nil {
			return nil, err
		}
		return newBucket(id, keys), nil
	}
	return nil, fmt.Errorf("unknown format %d", data[0])
}

func decodeLeaves(id node.ID, data []byte) ([]smt.Node, error) {
	if len(data) < 2 {
		return nil, fmt.Errorf("inner tile of %d bytes", len(data))
	}
	present, data := binary.BigEndian.Uint16(data), data[2:]
	leaves := make([]smt.Node, 0, fanOut)
	for i := range fanOut {
		if present>>(fanOut-1-i)&1 == 0 {
			continue
		}
		if len(data) < protocol.HashSize {
			return nil, fmt.Errorf("inner tile lacks the hash of leaf %d", i)
		}
		leaves = append(leaves, smt.Node{ID: childID(id, i), Hash: data[:protocol.HashSize]})
		data = data[protocol.HashSize:]
	}
	if len(leaves) == 0 || len(data) != 0 {
		return nil, fmt.Errorf("inner tile with %d leaves and %d bytes after them", len(leaves), len(data))
	}
	return leaves, nil
}

// childID is the position of the leaf of an inner tile, 0 to 15.
func childID(id node.ID, leaf int) node.ID {
	last, bits := id.LastByte()
	if bits == tileHeight {
		return node.NewIDWithLast(id.FullBytes(), last|byte(leaf), 8)
	}
	full := id.FullBytes()
	if bits == 8 {
		full += string([]byte{last})
	}
	return node.NewIDWithLast(full, byte(leaf)<<4, tileHeight)
}

// newInner returns an inner tile of empty leaves, as a start for with.
func newInner(id node.ID) *tile {
	t := &tile{id: id, inner: new(innerNodes)}
	level := proof.MapDepth - depthOf(id)
	for i := 1; i < len(t.inner); i++ {
		if i&(i-1) == 0 && i > 1 {
			level--
		}
		t.inner[i] = proof.EmptyMapHash(level)
	}
	return t
}

// with returns a copy of an inner tile in which these leaves have new hashes.
// There must be at least one. It takes the slice over.
func (t *tile) with(leaves []smt.Node) (*tile, error) {
	top := t.id.BitLen()
	hstar, err := smt.NewHStar3(leaves, smtHash, top+tileHeight, top)
	if err != nil {
		return nil, err
	}
	changed := &tile{id: t.id, inner: new(innerNodes)}
	*changed.inner = *t.inner
	roots, err := hstar.Update(changed.inner)
	if err != nil {
		return nil, err
	}
	changed.root = protocol.Hash(roots[0].Hash)
	changed.inner[1] = changed.root
	return changed, nil
}

// position is the place of a node in the heap order of its tile.
func position(id node.ID) int {
	last, bits := id.LastByte()
	below := (bits-1)%tileHeight + 1 // levels below the tile's root
	return 1<<below | int(last>>(8-bits))&(1<<below-1)
}

// Get implements [smt.NodeAccessor].
func (n *innerNodes) Get(id node.ID) ([]byte, error) { return n[position(id)][:], nil }

// Set implements [smt.NodeAccessor].
func (n *innerNodes) Set(id node.ID, hash []byte) { copy(n[position(id)][:], hash) }

// smtHash is an [smt.HashChildrenFn].
func smtHash(left, right []byte) []byte {
	hash := proof.HashChildren((*protocol.Hash)(left), (*protocol.Hash)(right))
	return bytes.Clone(hash[:])
}
