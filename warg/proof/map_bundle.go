package proof

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// MapDepth is the number of levels of the map below its root: a key's path has
// that many bits.
const MapDepth = 256

// MapBundle is the message warg.transparency.MapProofBundle: inclusion proofs
// of keys in one state of the map. Which key each is for is not in it; it
// follows from the request.
type MapBundle struct {
	Proofs []MapProof
}

// MapProof is the sibling hashes on the way from a key's leaf up to the root,
// deepest first; the last is the sibling directly below the root. Siblings
// deeper than the first one are roots of empty subtrees, and nil stands for the
// root of the empty subtree of its level.
type MapProof []*protocol.Hash

// Field numbers of MapProofBundle, MapInclusionProof and OptionalHash: each
// message has one field.
const (
	mapProofsField    = 1
	mapHashesField    = 1
	optionalHashField = 1
)

// Encode returns the protobuf encoding, byte for byte as the reference writes it.
func (b MapBundle) Encode() []byte {
	const full = protocol.HashSize + 2 // an OptionalHash with its hash
	var size int
	for _, p := range b.Proofs {
		size += 4 + len(p)*(full+2)
	}
	out := make([]byte, 0, size)
	for _, p := range b.Proofs {
		body := 0
		for _, hash := range p {
			body += 2
			if hash != nil {
				body += full
			}
		}
		out = protowire.AppendTag(out, mapProofsField, protowire.BytesType)
		out = protowire.AppendVarint(out, uint64(body))
		for _, hash := range p {
			out = protowire.AppendTag(out, mapHashesField, protowire.BytesType)
			if hash == nil {
				out = protowire.AppendVarint(out, 0)
				continue
			}
			out = protowire.AppendVarint(out, full)
			out = protowire.AppendTag(out, optionalHashField, protowire.BytesType)
			out = protowire.AppendBytes(out, hash[:])
		}
	}
	return out
}

// DecodeMapBundle reads what [MapBundle.Encode] writes. It refuses, with
// [ErrMalformed], broken encodings and hashes that are there but not 32 bytes
// long. Proofs that are longer than the tree is deep decode, as in the
// reference, and are refused when verified.
func DecodeMapBundle(data []byte) (MapBundle, error) {
	var b MapBundle
	r := protoread.New(data)
	err := eachField(r, func(f protoread.Field) error {
		if f.Number != mapProofsField {
			return nil
		}
		p, err := decodeMapProof(r, f)
		if err != nil {
			return fmt.Errorf("proof %d: %w", len(b.Proofs), err)
		}
		b.Proofs = append(b.Proofs, p)
		return nil
	})
	if err != nil {
		return MapBundle{}, fmt.Errorf("%w: map: %w", ErrMalformed, err)
	}
	return b, nil
}

func decodeMapProof(r protoread.Reader, f protoread.Field) (MapProof, error) {
	message, err := f.Message()
	if err != nil {
		return nil, err
	}
	var p MapProof
	r = r.Nested(message)
	err = eachField(r, func(f protoread.Field) error {
		if f.Number != mapHashesField {
			return nil
		}
		hash, err := decodeOptionalHash(r, f)
		if err != nil {
			return fmt.Errorf("hash %d: %w", len(p), err)
		}
		p = append(p, hash)
		return nil
	})
	return p, err
}

func decodeOptionalHash(r protoread.Reader, f protoread.Field) (*protocol.Hash, error) {
	message, err := f.Message()
	if err != nil {
		return nil, err
	}
	var raw []byte
	present := false
	err = eachField(r.Nested(message), func(f protoread.Field) (err error) {
		if f.Number == optionalHashField {
			raw, err = f.Message()
			present = true
		}
		return err
	})
	if err != nil || !present {
		return nil, err
	}
	hash, err := asHash(raw)
	return &hash, err
}
