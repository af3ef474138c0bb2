package proof

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// inBundle puts fields into each message of a bundle of either kind. The first
// function of a pair makes the bundle, the second decodes it.
func inBundle(fields []byte) map[string]struct {
	data   []byte
	decode func([]byte) error
} {
	log := func(data []byte) error { _, err := DecodeLogBundle(data); return err }
	inMap := func(data []byte) error { _, err := DecodeMapBundle(data); return err }
	message := func(number protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), body)
	}
	hash := message(1, make([]byte, protocol.HashSize))
	entryHash := message(entryHashField, make([]byte, protocol.HashSize))
	return map[string]struct {
		data   []byte
		decode func([]byte) error
	}{
		"log bundle":    {fields, log},
		"hash entry":    {message(logHashesField, append(entryHash, fields...)), log},
		"map bundle":    {fields, inMap},
		"map proof":     {message(mapProofsField, fields), inMap},
		"optional hash": {message(mapProofsField, message(mapHashesField, append(hash, fields...))), inMap},
	}
}

// Every message takes the unknown fields that all clients take, and no others.
func TestUnknownFields(t *testing.T) {
	groups := func(n int) []byte {
		return append(bytes.Repeat([]byte{0x7b}, n), bytes.Repeat([]byte{0x7c}, n)...) // number 15
	}
	for name, fields := range map[string][]byte{
		"highest number": {0xf8, 0xff, 0xff, 0xff, 0x0f, 0},
		"group":          {0x7b, 0x08, 1, 0x7c},
		"deep groups":    groups(97),
	} {
		for where, in := range inBundle(fields) {
			if err := in.decode(in.data); err != nil {
				t.Errorf("%s in a %s: %v", name, where, err)
			}
		}
	}
	for name, fields := range map[string][]byte{
		"number 2^29":           {0x80, 0x80, 0x80, 0x80, 0x10, 0},
		"number 0":              {0, 0},
		"too deep groups":       groups(101),
		"group never closed":    {0x7b},
		"end of no group":       {0x7c},
		"wire type 6":           {0x7e},
		"bytes that are cut":    {0x7a, 2, 0},
		"varint of eleven byte": {0x78, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0},
	} {
		for where, in := range inBundle(fields) {
			if err := in.decode(in.data); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s in a %s: error %v, want %v", name, where, err, ErrMalformed)
			}
		}
	}
}

// Known fields of another wire type, and hashes of another length, are refused.
func TestKnownFieldsOfOtherForm(t *testing.T) {
	log := func(data []byte) error { _, err := DecodeLogBundle(data); return err }
	inMap := func(data []byte) error { _, err := DecodeMapBundle(data); return err }
	for _, c := range []struct {
		decode func([]byte) error
		data   []byte
	}{
		{log, []byte{0x0a, 0}},                   // the length as bytes
		{log, []byte{0x15, 0, 0, 0, 0}},          // consistent lengths as fixed32
		{log, []byte{0x12, 1, 0x80}},             // a packed number that is cut
		{log, []byte{0x1d, 0, 0, 0, 0}},          // included indices as fixed32
		{log, []byte{0x20, 0}},                   // hashes as a varint
		{log, []byte{0x22, 0}},                   // no hash
		{log, []byte{0x22, 2, 0x0a, 0}},          // the index as bytes
		{log, []byte{0x22, 2, 0x10, 0}},          // the hash as a varint
		{log, []byte{0x22, 3, 0x12, 1, 0}},       // a hash of one byte
		{inMap, []byte{0x08, 0}},                 // proofs as a varint
		{inMap, []byte{0x0a, 2, 0x08, 0}},        // hashes as a varint
		{inMap, []byte{0x0a, 4, 0x0a, 2, 8, 0}},  // the hash as a varint
		{inMap, []byte{0x0a, 4, 0x0a, 2, 10, 0}}, // a hash of no bytes
	} {
		if err := c.decode(c.data); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: error %v, want %v", c.data, err, ErrMalformed)
		}
	}
	// Numbers are cut to 32 bits, and the last of a scalar counts.
	b, err := DecodeLogBundle([]byte{0x08, 1, 0x08, 0x85, 0x80, 0x80, 0x80, 0x10, 0x10, 3, 0x12, 1, 4})
	if err != nil || b.LogLength != 5 || !slices.Equal(b.ConsistentLengths, []uint32{3, 4}) {
		t.Errorf("read as %+v, error %v", b, err)
	}
}
