// Package serde reads and writes JSON as serde and serde_json do, the
// libraries of the Rust reference. It is the only reader of JSON below warg/.
//
// encoding/json reads more than the reference does: member names in any case,
// members twice, null for anything, lone surrogates, text that is not UTF-8. And
// states of logs depend on the order of members, which it does not keep.
package serde

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Value is the text of one JSON value without space around it. Its syntax has
// been checked by [Parse], so the methods look only for what the text means.
// Nothing but [Value.Text] asks for UTF-8: the reference does so only in strings
// that it reads.
type Value []byte

// Parse checks that data is one JSON value. The value aliases data.
func Parse(data []byte) (Value, error) {
	if !json.Valid(data) {
		var discard json.RawMessage
		return nil, json.Unmarshal(data, &discard) // says where
	}
	return Value(bytes.TrimSpace(data)), nil
}

// Unmarshal parses data and gives the value to read.
func Unmarshal(data []byte, read func(Value) error) error {
	v, err := Parse(data)
	if err != nil {
		return err
	}
	return read(v)
}

// kind names the type of the value for error messages.
func (v Value) kind() string {
	switch v[0] {
	case '{':
		return "map"
	case '[':
		return "sequence"
	case '"':
		return "string " + string(v)
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean `" + string(v) + "`"
	}
	return "number `" + string(v) + "`"
}

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v[0] == 'n' }

// IsText reports whether the value is a string.
func (v Value) IsText() bool { return v[0] == '"' }

func (v Value) mismatch(want string) error {
	return fmt.Errorf("invalid type: %s, expected %s", v.kind(), want)
}

// unsigned reads an integer without sign, fraction or exponent.
func (v Value) unsigned(bits int) (uint64, error) {
	if c := v[0]; c != '-' && (c < '0' || c > '9') {
		return 0, v.mismatch(fmt.Sprintf("u%d", bits))
	}
	n, err := strconv.ParseUint(string(v), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("invalid value: number `%s`, expected u%d", v, bits)
	}
	return n, nil
}

// Uint64 reads an integer from 0 to 2^64-1 without fraction and exponent.
func (v Value) Uint64() (uint64, error) { return v.unsigned(64) }

// Uint16 reads an integer from 0 to 65535 without fraction and exponent.
func (v Value) Uint16() (uint16, error) {
	n, err := v.unsigned(16)
	return uint16(n), err
}

// Bool reads true or false.
func (v Value) Bool() (bool, error) {
	if v[0] != 't' && v[0] != 'f' {
		return false, v.mismatch("a boolean")
	}
	return v[0] == 't', nil
}

// List calls element for each element of a list.
func (v Value) List(element func(Value) error) error {
	if v[0] != '[' {
		return v.mismatch("a sequence")
	}
	for i := skipSpace(v, 1); v[i] != ']'; i = next(v, i) {
		end := valueEnd(v, i)
		if err := element(v[i:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// Object calls member for each member of an object, in the order of the text,
// twice for a member that stands there twice.
func (v Value) Object(member func(name string, v Value) error) error {
	if v[0] != '{' {
		return v.mismatch("a map")
	}
	for i := skipSpace(v, 1); v[i] != '}'; i = next(v, i) {
		end := valueEnd(v, i)
		name, err := v[i:end].Text()
		if err != nil {
			return err
		}
		i = skipSpace(v, skipSpace(v, end)+1) // past the colon
		end = valueEnd(v, i)
		if err := member(name, v[i:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// next gives the place of the next element after one that ends at i, or of the
// closing bracket.
func next(v Value, i int) int {
	if i = skipSpace(v, i); v[i] == ',' {
		return skipSpace(v, i+1)
	}
	return i
}

func skipSpace(v Value, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r' {
		i++
	}
	return i
}

// valueEnd gives the place behind the value that begins at i, which is inside a
// list or object.
func valueEnd(v Value, i int) int {
	switch v[i] {
	case '"':
		for i++; v[i] != '"'; i++ {
			if v[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch v[i] {
			case '"':
				i = valueEnd(v, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for ; ; i++ { // to the end of a number or literal, behind which the list goes on or ends
		switch v[i] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return i
		}
	}
}
