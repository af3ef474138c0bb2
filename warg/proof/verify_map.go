package proof

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MapLeaf is a log with its head, as the map has it.
type MapLeaf struct {
	LogID    protocol.Hash
	RecordID protocol.Hash // the log's latest record
}

// Verify checks that the bundle proves exactly these leaves, in this order, to
// be in the map with that root.
//
// Errors: [ErrNoProofs] without leaves, [ErrProofCount] when the number of
// proofs differs, [ErrMalformed] when a proof has more hashes than the tree is
// deep (the reference ignores all of them), *[RootMismatchError].
func (b MapBundle) Verify(root protocol.Hash, leaves []MapLeaf) error {
	if len(leaves) == 0 {
		return ErrNoProofs
	}
	if len(b.Proofs) != len(leaves) {
		return fmt.Errorf("%w: %d map proofs, want %d", ErrProofCount, len(b.Proofs), len(leaves))
	}
	for i, leaf := range leaves {
		got, err := b.Proofs[i].evaluate(protocol.MapKey(leaf.LogID), protocol.MapLeafHash(leaf.RecordID))
		if err != nil {
			return fmt.Errorf("map proof of log %s: %w", leaf.LogID, err)
		}
		if got != root {
			what := fmt.Sprintf("map proof of log %s with head %s", leaf.LogID, leaf.RecordID)
			return &RootMismatchError{Proof: what, Got: got, Want: root}
		}
	}
	return nil
}

// evaluate returns the map root that follows from a leaf hash at the end of a path.
func (p MapProof) evaluate(path, hash protocol.Hash) (protocol.Hash, error) {
	if len(p) > MapDepth {
		return hash, fmt.Errorf("%w: %d hashes, the tree has %d levels", ErrMalformed, len(p), MapDepth)
	}
	for level := range MapDepth {
		sibling := EmptyMapHash(level)
		if i := level - (MapDepth - len(p)); i >= 0 && p[i] != nil {
			sibling = *p[i]
		}
		depth := MapDepth - 1 - level
		if path[depth/8]>>(7-depth%8)&1 == 1 {
			hash = HashChildren(&sibling, &hash)
		} else {
			hash = HashChildren(&hash, &sibling)
		}
	}
	return hash, nil
}

// EmptyMapHash is the root of an empty subtree of the map that is level levels
// high: SHA-256(0x00) at level 0, and the root of the empty map at [MapDepth].
func EmptyMapHash(level int) protocol.Hash { return emptyMapHashes()[level] }

var emptyMapHashes = sync.OnceValue(func() *[MapDepth + 1]protocol.Hash {
	var hashes [MapDepth + 1]protocol.Hash
	hashes[0] = sha256.Sum256([]byte{0})
	for level := range MapDepth {
		hashes[level+1] = HashChildren(&hashes[level], &hashes[level])
	}
	return &hashes
})
