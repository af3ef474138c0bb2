package follow

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Source is one log, as somebody gives it who may be wrong or lie. Errors of its
// methods are passing failures: it could not be asked. Where a root is signed, the
// source checks that before it returns it.
type Source interface {
	// Root returns the newest root of the log that the source knows.
	Root(ctx context.Context) (Root, error)
	// Leaves returns up to count leaves from index start on, in order: one at
	// least, if the log is longer than start.
	Leaves(ctx context.Context, start uint64, count int) ([]Leaf, error)
	// ConsistencyProof returns the proof of RFC 6962 section 2.1.2 that the log of
	// to leaves begins with that of from leaves, 0 < from < to: hashes of 32 bytes.
	ConsistencyProof(ctx context.Context, from, to uint64) ([][]byte, error)
}

// Root is what a source says of its log as a whole.
type Root struct {
	Size uint64        // number of leaves
	Hash protocol.Hash // RFC 6962 Merkle tree hash of those leaves
}

// Leaf is an entry of a log.
type Leaf struct {
	Index uint64 // zero-based position in the log
	Value []byte // hashed into the tree
	// ExtraData comes beside the value. The tree does not cover it, so nothing
	// here vouches for it.
	ExtraData []byte
}
