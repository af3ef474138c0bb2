package proof

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// eachField calls visit for the fields of a message in order, known or not.
func eachField(r protoread.Reader, visit func(protoread.Field) error) error {
	for !r.Done() {
		f, err := r.Next()
		if err == nil {
			err = visit(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
