package audit

import (
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// nodes are the hashes of the complete subtrees of a log at some size: the node at a
// level and index is over the 2^level leaves from index<<level on (RFC 6962, section 2.1).
type nodes interface {
	node(ctx context.Context, level uint, index uint64) (protocol.Hash, error)
}

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// newRange returns the compact range of the first leaves of a log.
func newRange(size uint64, hashes []protocol.Hash) (*compact.Range, error) {
	return ranges.NewRange(0, size, rawHashes(hashes))
}

// rangeHashes are the hashes of a compact range, the balanced roots of the log.
func rangeHashes(r *compact.Range) []protocol.Hash { return typedHashes(r.Hashes()) }

func rangeRoot(r *compact.Range) protocol.Hash { return proof.RootOf(rangeHashes(r)) }

func rawHashes(hashes []protocol.Hash) [][]byte {
	raw := make([][]byte, len(hashes))
	for i := range hashes {
		raw[i] = hashes[i][:]
	}
	return raw
}

// typedHashes copies hashes of 32 bytes.
func typedHashes(raw [][]byte) []protocol.Hash {
	hashes := make([]protocol.Hash, len(raw))
	for i := range raw {
		copy(hashes[i][:], raw[i])
	}
	return hashes
}

// rangeAt returns the compact range over the first size leaves of a log.
func rangeAt(ctx context.Context, n nodes, size uint64) (*compact.Range, error) {
	var hashes []protocol.Hash
	for _, id := range compact.RangeNodes(0, size, nil) {
		hash, err := n.node(ctx, id.Level, id.Index)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return newRange(size, hashes)
}

// nodePath proves a node to be in the log of some size: the RFC 6962 inclusion proof of
// the tree whose leaves are the nodes of that level.
func nodePath(ctx context.Context, n nodes, level uint, index, size uint64) ([]protocol.Hash, error) {
	ids, err := merkle.Inclusion(index, sizeAbove(level, size))
	if err != nil {
		return nil, err
	}
	return assemble(ctx, n, ids, level, size)
}

// consistencyPath is the RFC 6962 consistency proof between two sizes of a log.
func consistencyPath(ctx context.Context, n nodes, from, to uint64) ([]protocol.Hash, error) {
	ids, err := merkle.Consistency(from, to)
	if err != nil {
		return nil, err
	}
	return assemble(ctx, n, ids, 0, to)
}

// assemble reads the nodes of a proof in the tree above a level.
func assemble(ctx context.Context, n nodes, ids merkle.Nodes, above uint, size uint64) ([]protocol.Hash, error) {
	raw := make([][]byte, len(ids.IDs))
	for i, id := range ids.IDs {
		level := id.Level + above
		read := n.node
		if (id.Index+1)<<level > size { // the last node of that tree, which is not complete
			read = func(ctx context.Context, level uint, index uint64) (protocol.Hash, error) {
				return partialNode(ctx, n, index<<level, size)
			}
		}
		hash, err := read(ctx, level, id.Index)
		if err != nil {
			return nil, err
		}
		raw[i] = hash[:]
	}
	path, err := ids.Rehash(raw, rfc6962.DefaultHasher.HashChildren)
	return typedHashes(path), err
}

// partialNode is the hash of the leaves from begin on, where begin is a multiple of a
// power of two that is larger than what follows.
func partialNode(ctx context.Context, n nodes, begin, size uint64) (protocol.Hash, error) {
	var hashes []protocol.Hash
	for _, id := range compact.RangeNodes(begin, size, nil) {
		hash, err := n.node(ctx, id.Level, id.Index)
		if err != nil {
			return protocol.Hash{}, err
		}
		hashes = append(hashes, hash)
	}
	return proof.RootOf(hashes), nil
}

// sizeAbove is the number of nodes at a level, the last of which may be incomplete.
func sizeAbove(level uint, size uint64) uint64 {
	n := size >> level
	if n<<level < size {
		n++
	}
	return n
}

// verifyNode demands that a node is in the log of some size with some root.
func verifyNode(level uint, index uint64, hash protocol.Hash, path []protocol.Hash, size uint64, root protocol.Hash) error {
	if level > 63 || index >= size>>level {
		return fmt.Errorf("a log of %d leaves has no complete node %d at level %d", size, index, level)
	}
	err := merkle.VerifyInclusion(rfc6962.DefaultHasher, index, sizeAbove(level, size), hash[:], rawHashes(path), root[:])
	if err != nil {
		return fmt.Errorf("node %d at level %d is not proved to be in the log of %d leaves: %w", index, level, size, err)
	}
	return nil
}

func verifyConsistency(from, to uint64, path []protocol.Hash, fromRoot, toRoot protocol.Hash) error {
	if from == 0 {
		if len(path) > 0 || fromRoot != proof.RootOf(nil) {
			return fmt.Errorf("the empty log has the root %s and takes no proof", proof.RootOf(nil))
		}
		return nil
	}
	return merkle.VerifyConsistency(rfc6962.DefaultHasher, from, to, rawHashes(path), fromRoot[:], toRoot[:])
}

// leafHash is the hash of an entry (RFC 6962, section 2.1).
func leafHash(entry []byte) protocol.Hash { return protocol.HashOf([]byte{0}, entry) }

// memoryTree is a log of which all leaf hashes are in memory.
type memoryTree struct {
	levels [][]protocol.Hash // the complete nodes of each level
}

func (t *memoryTree) append(leaf protocol.Hash) {
	for level := 0; ; level++ {
		if level == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[level] = append(t.levels[level], leaf)
		n := len(t.levels[level])
		if n%2 == 1 {
			return
		}
		leaf = proof.HashChildren(&t.levels[level][n-2], &t.levels[level][n-1])
	}
}

func (t *memoryTree) size() uint64 {
	if len(t.levels) == 0 {
		return 0
	}
	return uint64(len(t.levels[0]))
}

func (t *memoryTree) node(_ context.Context, level uint, index uint64) (protocol.Hash, error) {
	if level >= uint(len(t.levels)) || index >= uint64(len(t.levels[level])) {
		return protocol.Hash{}, fmt.Errorf("the log has no complete node %d at level %d", index, level)
	}
	return t.levels[level][index], nil
}
