package proof

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// LogBundle is the message warg.transparency.LogProofBundle: proofs about one
// length of the log, with the tree hashes that they share.
type LogBundle struct {
	LogLength         uint32     // leaves in the log that the proofs lead to
	ConsistentLengths []uint32   // earlier lengths that are proven to be prefixes of it
	IncludedNodes     []uint32   // node numbers (twice the index) of leaves that are proven to be in it
	Hashes            []NodeHash // by node number, ascending, each once
}

// NodeHash is the hash of the node with that in-order number.
type NodeHash struct {
	Node uint32
	Hash protocol.Hash
}

// Field numbers of LogProofBundle and HashEntry.
const (
	logLengthField         protowire.Number = 1
	consistentLengthsField protowire.Number = 2
	includedIndicesField   protowire.Number = 3
	logHashesField         protowire.Number = 4

	entryIndexField protowire.Number = 1
	entryHashField  protowire.Number = 2
)

// Encode returns the protobuf encoding, byte for byte as the reference writes
// it: fields in order, repeated numbers packed, defaults left out.
func (b LogBundle) Encode() []byte {
	out := make([]byte, 0, 16+5*(len(b.ConsistentLengths)+len(b.IncludedNodes))+(protocol.HashSize+10)*len(b.Hashes))
	out = appendUint32(out, logLengthField, b.LogLength)
	out = appendPacked(out, consistentLengthsField, b.ConsistentLengths)
	out = appendPacked(out, includedIndicesField, b.IncludedNodes)
	var entry []byte
	for i := range b.Hashes {
		entry = appendUint32(entry[:0], entryIndexField, b.Hashes[i].Node)
		entry = protowire.AppendTag(entry, entryHashField, protowire.BytesType)
		entry = protowire.AppendBytes(entry, b.Hashes[i].Hash[:])
		out = protowire.AppendTag(out, logHashesField, protowire.BytesType)
		out = protowire.AppendBytes(out, entry)
	}
	return out
}

// DecodeLogBundle reads what [LogBundle.Encode] writes. It accepts what the
// reference accepts: unknown fields, numbers packed or not, the last of
// repeated scalars, hashes in any order. It refuses, with [ErrMalformed], broken
// encodings and hashes that are not 32 bytes long.
func DecodeLogBundle(data []byte) (LogBundle, error) {
	var b LogBundle
	err := eachField(data, func(num protowire.Number, f field) (err error) {
		switch num {
		case logLengthField:
			b.LogLength, err = f.uint32()
		case consistentLengthsField:
			b.ConsistentLengths, err = f.appendUint32s(b.ConsistentLengths)
		case includedIndicesField:
			b.IncludedNodes, err = f.appendUint32s(b.IncludedNodes)
		case logHashesField:
			var entry NodeHash
			if entry, err = decodeEntry(f); err == nil {
				b.Hashes = append(b.Hashes, entry)
			}
		}
		return err
	})
	if err != nil {
		return LogBundle{}, fmt.Errorf("%w: log: %w", ErrMalformed, err)
	}
	return b, nil
}

func decodeEntry(f field) (NodeHash, error) {
	var entry NodeHash
	var hash []byte
	data, err := f.bytes()
	if err != nil {
		return entry, err
	}
	err = eachField(data, func(num protowire.Number, f field) (err error) {
		switch num {
		case entryIndexField:
			entry.Node, err = f.uint32()
		case entryHashField:
			hash, err = f.bytes()
		}
		return err
	})
	if err != nil {
		return entry, err
	}
	entry.Hash, err = asHash(hash)
	return entry, err
}
