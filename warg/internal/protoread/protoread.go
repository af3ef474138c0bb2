// Package protoread reads protobuf messages as prost 0.12 does, the library of
// the Rust reference: every message that all clients read has to be read here,
// and no other. It is the only reader of protobuf below warg/.
package protoread

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// recursionLimit is how deep messages and groups may nest.
const recursionLimit = 100

// Reader reads the fields of one message in order. It accepts what prost
// accepts: padded varints, unknown fields (groups too) of every number below
// 2^29. A Reader is a value: a copy goes on from the same place.
type Reader struct {
	rest  []byte
	depth int // levels of nesting left
}

// Field is one field of a message. Fields of other wire types than those of the
// two values are read and dropped: no message of the protocol has them.
type Field struct {
	Number uint32
	Type   protowire.Type
	Varint uint64 // of wire type 0
	Bytes  []byte // of wire type 2; they alias the message
}

// New returns a reader of a message that is not inside another.
func New(message []byte) Reader {
	return Reader{rest: message, depth: recursionLimit}
}

// Nested returns a reader of a message inside the one that r reads.
func (r *Reader) Nested(message []byte) Reader {
	return Reader{rest: message, depth: r.depth - 1}
}

// Done reports whether no field is left.
func (r *Reader) Done() bool { return len(r.rest) == 0 }

// Rest returns what is not read yet. It aliases the message.
func (r *Reader) Rest() []byte { return r.rest }

// Next reads a field. It must not be called when r is done.
func (r *Reader) Next() (Field, error) {
	number, typ, err := r.key()
	if err != nil {
		return Field{}, err
	}
	return r.value(number, typ, r.depth)
}

func (r *Reader) key() (uint32, protowire.Type, error) {
	key, err := r.varint()
	if err != nil {
		return 0, 0, err
	}
	if key > math.MaxUint32 {
		return 0, 0, fmt.Errorf("invalid key value: %d", key)
	}
	number, typ := uint32(key)>>3, protowire.Type(key&7)
	if number == 0 {
		return 0, 0, errors.New("invalid tag value: 0")
	}
	return number, typ, nil
}

func (r *Reader) value(number uint32, typ protowire.Type, depth int) (Field, error) {
	f := Field{Number: number, Type: typ}
	if depth == 0 {
		return f, errors.New("recursion limit reached")
	}
	var err error
	switch typ {
	case protowire.VarintType:
		f.Varint, err = r.varint()
	case protowire.BytesType:
		var n uint64
		if n, err = r.varint(); err == nil {
			f.Bytes, err = r.take(n)
		}
	case protowire.Fixed32Type:
		_, err = r.take(4)
	case protowire.Fixed64Type:
		_, err = r.take(8)
	case protowire.StartGroupType:
		err = r.skipGroup(number, depth)
	case protowire.EndGroupType:
		err = errors.New("unexpected end group tag")
	default:
		err = fmt.Errorf("invalid wire type value: %d", typ)
	}
	return f, err
}

func (r *Reader) skipGroup(group uint32, depth int) error {
	for {
		number, typ, err := r.key()
		if err != nil {
			return err
		}
		if typ == protowire.EndGroupType {
			if number != group {
				return errors.New("unexpected end group tag")
			}
			return nil
		}
		if _, err := r.value(number, typ, depth-1); err != nil {
			return err
		}
	}
}

func (r *Reader) varint() (uint64, error) {
	v, n := protowire.ConsumeVarint(r.rest)
	if n < 0 {
		return 0, errors.New("invalid varint")
	}
	r.rest = r.rest[n:]
	return v, nil
}

func (r *Reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.rest)) {
		return nil, errors.New("buffer underflow")
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b, nil
}

// Want checks the wire type of a field whose number is known.
func (f Field) Want(typ protowire.Type) error {
	if f.Type != typ {
		return fmt.Errorf("field %d: invalid wire type: %d (expected %d)", f.Number, f.Type, typ)
	}
	return nil
}

// Text returns the bytes of a string field, which are UTF-8.
func (f Field) Text() ([]byte, error) {
	if err := f.Want(protowire.BytesType); err != nil {
		return nil, err
	}
	if !utf8.Valid(f.Bytes) {
		return nil, fmt.Errorf("field %d: invalid string value: data is not UTF-8 encoded", f.Number)
	}
	return f.Bytes, nil
}

// Message returns the bytes of a bytes field or a nested message.
func (f Field) Message() ([]byte, error) { return f.Bytes, f.Want(protowire.BytesType) }

// Uint32 returns the lower 32 bits of a varint, as every protobuf reader does.
func (f Field) Uint32() (uint32, error) {
	return uint32(f.Varint), f.Want(protowire.VarintType)
}

// AppendNumbers appends the values of a repeated field of 32-bit numbers or
// enums, packed or not.
func AppendNumbers[N int32 | uint32](values []N, f Field) ([]N, error) {
	if f.Type != protowire.BytesType {
		return append(values, N(f.Varint)), f.Want(protowire.VarintType)
	}
	packed := Reader{rest: f.Bytes}
	for !packed.Done() {
		v, err := packed.varint()
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", f.Number, err)
		}
		values = append(values, N(v))
	}
	return values, nil
}
