package proof

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// field is the undecoded value of one field of a protobuf message.
type field struct {
	wire protowire.Type
	raw  []byte
}

// eachField calls visit for the fields of a message in order, known or not. It
// adds the field's number to visit's errors.
func eachField(message []byte, visit func(protowire.Number, field) error) error {
	for len(message) > 0 {
		num, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("tag: %w", protowire.ParseError(n))
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(num, wire, message)
		if n < 0 {
			return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		if err := visit(num, field{wire, message[:n]}); err != nil {
			return fmt.Errorf("field %d: %w", num, err)
		}
		message = message[n:]
	}
	return nil
}

func (f field) expect(wire protowire.Type) error {
	if f.wire != wire {
		return fmt.Errorf("wire type %d, want %d", f.wire, wire)
	}
	return nil
}

// uint32 keeps the lower 32 bits of a varint, as every protobuf reader does.
func (f field) uint32() (uint32, error) {
	if err := f.expect(protowire.VarintType); err != nil {
		return 0, err
	}
	v, n := protowire.ConsumeVarint(f.raw)
	return uint32(v), protowire.ParseError(n)
}

// appendUint32s appends one number, or the numbers of a packed field.
func (f field) appendUint32s(list []uint32) ([]uint32, error) {
	if f.wire == protowire.VarintType {
		v, err := f.uint32()
		return append(list, v), err
	}
	packed, err := f.bytes()
	if err != nil {
		return nil, err
	}
	for len(packed) > 0 {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		list = append(list, uint32(v))
		packed = packed[n:]
	}
	return list, nil
}

func (f field) bytes() ([]byte, error) {
	if err := f.expect(protowire.BytesType); err != nil {
		return nil, err
	}
	b, n := protowire.ConsumeBytes(f.raw)
	return b, protowire.ParseError(n)
}

func asHash(raw []byte) (protocol.Hash, error) {
	if len(raw) != protocol.HashSize {
		return protocol.Hash{}, fmt.Errorf("hash of %d bytes, want %d", len(raw), protocol.HashSize)
	}
	return protocol.Hash(raw), nil
}

func appendUint32(out []byte, num protowire.Number, v uint32) []byte {
	if v == 0 {
		return out
	}
	out = protowire.AppendTag(out, num, protowire.VarintType)
	return protowire.AppendVarint(out, uint64(v))
}

func appendPacked(out []byte, num protowire.Number, list []uint32) []byte {
	if len(list) == 0 {
		return out
	}
	size := 0
	for _, v := range list {
		size += protowire.SizeVarint(uint64(v))
	}
	out = protowire.AppendTag(out, num, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size))
	for _, v := range list {
		out = protowire.AppendVarint(out, uint64(v))
	}
	return out
}
