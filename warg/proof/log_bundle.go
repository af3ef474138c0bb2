package proof

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
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
	logLengthField         = 1
	consistentLengthsField = 2
	includedIndicesField   = 3
	logHashesField         = 4

	entryIndexField = 1
	entryHashField  = 2
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
// reference accepts: unknown fields numbered below 2^29 (groups too, at most 100
// deep), numbers packed or not, the last of repeated scalars, hashes in any
// order. It refuses, with [ErrMalformed], broken encodings and hashes that are
// not 32 bytes long.
func DecodeLogBundle(data []byte) (LogBundle, error) {
	var b LogBundle
	r := protoread.New(data)
	err := eachField(r, func(f protoread.Field) (err error) {
		switch f.Number {
		case logLengthField:
			b.LogLength, err = f.Uint32()
		case consistentLengthsField:
			b.ConsistentLengths, err = protoread.AppendNumbers(b.ConsistentLengths, f)
		case includedIndicesField:
			b.IncludedNodes, err = protoread.AppendNumbers(b.IncludedNodes, f)
		case logHashesField:
			entry, err := decodeEntry(r, f)
			if err != nil {
				return fmt.Errorf("hash %d: %w", len(b.Hashes), err)
			}
			b.Hashes = append(b.Hashes, entry)
		}
		return err
	})
	if err != nil {
		return LogBundle{}, fmt.Errorf("%w: log: %w", ErrMalformed, err)
	}
	return b, nil
}

func decodeEntry(r protoread.Reader, f protoread.Field) (NodeHash, error) {
	var entry NodeHash
	var hash []byte
	message, err := f.Message()
	if err != nil {
		return entry, err
	}
	err = eachField(r.Nested(message), func(f protoread.Field) (err error) {
		switch f.Number {
		case entryIndexField:
			entry.Node, err = f.Uint32()
		case entryHashField:
			hash, err = f.Message()
		}
		return err
	})
	if err != nil {
		return entry, err
	}
	entry.Hash, err = asHash(hash)
	return entry, err
}
