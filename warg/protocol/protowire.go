package protocol

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoRecursionLimit is how deep messages and groups may nest, as in prost
// 0.12. Every message that all clients read has to be read here, and no other.
const protoRecursionLimit = 100

// protoReader reads the fields of one protobuf message. It accepts what prost
// accepts: padded varints, unknown fields (groups too) of every number.
type protoReader struct {
	rest  []byte
	depth int // levels of nesting left
}

// protoField is one field: a varint (wire type 0) in varint, a length-delimited
// one (2) in bytes, which alias the message. Other types are read and dropped;
// no message of ours has them.
type protoField struct {
	number uint32
	typ    protowire.Type
	varint uint64
	bytes  []byte
}

func newProtoReader(message []byte) protoReader {
	return protoReader{rest: message, depth: protoRecursionLimit}
}

// nested returns a reader of a message inside this one.
func (r *protoReader) nested(message []byte) protoReader {
	return protoReader{rest: message, depth: r.depth - 1}
}

func (r *protoReader) done() bool { return len(r.rest) == 0 }

// next reads a field. It must not be called if r is done.
func (r *protoReader) next() (protoField, error) {
	number, typ, err := r.key()
	if err != nil {
		return protoField{}, err
	}
	return r.value(number, typ, r.depth)
}

func (r *protoReader) key() (uint32, protowire.Type, error) {
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

func (r *protoReader) value(number uint32, typ protowire.Type, depth int) (protoField, error) {
	f := protoField{number: number, typ: typ}
	if depth == 0 {
		return f, errors.New("recursion limit reached")
	}
	var err error
	switch typ {
	case protowire.VarintType:
		f.varint, err = r.varint()
	case protowire.BytesType:
		var n uint64
		if n, err = r.varint(); err == nil {
			f.bytes, err = r.take(n)
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

func (r *protoReader) skipGroup(group uint32, depth int) error {
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

func (r *protoReader) varint() (uint64, error) {
	v, n := protowire.ConsumeVarint(r.rest)
	if n < 0 {
		return 0, errors.New("invalid varint")
	}
	r.rest = r.rest[n:]
	return v, nil
}

func (r *protoReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.rest)) {
		return nil, errors.New("buffer underflow")
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b, nil
}

// want checks the wire type of a field whose number is known.
func (f protoField) want(typ protowire.Type) error {
	if f.typ != typ {
		return fmt.Errorf("field %d: invalid wire type: %d (expected %d)", f.number, f.typ, typ)
	}
	return nil
}

// text returns the bytes of a string field.
func (f protoField) text() ([]byte, error) {
	if err := f.want(protowire.BytesType); err != nil {
		return nil, err
	}
	if !utf8.Valid(f.bytes) {
		return nil, fmt.Errorf("field %d: invalid string value: data is not UTF-8 encoded", f.number)
	}
	return f.bytes, nil
}

// appendEnums appends the values of a repeated enum field, packed or not.
func (f protoField) appendEnums(values []int32) ([]int32, error) {
	if f.typ != protowire.BytesType {
		return append(values, int32(f.varint)), f.want(protowire.VarintType)
	}
	packed := protoReader{rest: f.bytes}
	for !packed.done() {
		v, err := packed.varint()
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", f.number, err)
		}
		values = append(values, int32(v))
	}
	return values, nil
}
