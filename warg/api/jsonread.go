package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value is the text of one JSON value without space around it. Its syntax has
// been checked, so the methods look only for what the text means.
//
// encoding/json matches member names in any case, takes members twice, null
// for anything and lone surrogates; the reference takes none of these.
type value []byte

// parse checks that data is one JSON value in UTF-8.
func parse(data []byte) (value, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the text is not UTF-8")
	}
	if !json.Valid(data) {
		var discard json.RawMessage
		return nil, json.Unmarshal(data, &discard) // says where
	}
	return value(bytes.TrimSpace(data)), nil
}

// kind names the type of the value for error messages.
func (v value) kind() string {
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

func (v value) isNull() bool { return v[0] == 'n' }

func (v value) mismatch(want string) error {
	return fmt.Errorf("invalid type: %s, expected %s", v.kind(), want)
}

// text reads a string.
func (v value) text() (string, error) {
	if v[0] != '"' {
		return "", v.mismatch("a string")
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), nil
	}
	if hasLoneSurrogate(v) {
		return "", fmt.Errorf("lone surrogate in string %s", v)
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", err
	}
	return s, nil
}

// hasLoneSurrogate reports whether half of a UTF-16 pair is escaped in v.
// encoding/json would make U+FFFD of it.
func hasLoneSurrogate(v []byte) bool {
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' {
			continue
		}
		i++
		if v[i] != 'u' || !utf16.IsSurrogate(hex4(v[i+1:])) {
			continue
		}
		low := v[i+5:]
		if len(low) < 6 || low[0] != '\\' || low[1] != 'u' ||
			utf16.DecodeRune(hex4(v[i+1:]), hex4(low[2:])) == utf8.RuneError {
			return true
		}
		i += 10
	}
	return false
}

// hex4 reads the four hex digits of an escape whose syntax is known to hold.
func hex4(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(n)
}

// unsigned reads an integer without sign, fraction or exponent.
func (v value) unsigned(bits int) (uint64, error) {
	if c := v[0]; c != '-' && (c < '0' || c > '9') {
		return 0, v.mismatch(fmt.Sprintf("u%d", bits))
	}
	n, err := strconv.ParseUint(string(v), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("invalid value: number `%s`, expected u%d", v, bits)
	}
	return n, nil
}

func (v value) uint64() (uint64, error) { return v.unsigned(64) }

func (v value) uint16() (uint16, error) {
	n, err := v.unsigned(16)
	return uint16(n), err
}

func (v value) boolean() (bool, error) {
	if v[0] != 't' && v[0] != 'f' {
		return false, v.mismatch("a boolean")
	}
	return v[0] == 't', nil
}

// base64 reads a string of standard base64 with padding and nothing else.
func (v value) base64() ([]byte, error) {
	s, err := v.text()
	if err != nil {
		return nil, err
	}
	// The decoder passes over line breaks, the reference does not.
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("invalid base64: line break")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("invalid base64: %w", err)
	}
	return b, nil
}

// list calls element for each element of a list.
func (v value) list(element func(value) error) error {
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

// object calls member for each member of an object, in the order of the text.
func (v value) object(member func(name string, v value) error) error {
	if v[0] != '{' {
		return v.mismatch("a map")
	}
	for i := skipSpace(v, 1); v[i] != '}'; i = next(v, i) {
		end := valueEnd(v, i)
		name, err := v[i:end].text()
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
func next(v value, i int) int {
	if i = skipSpace(v, i); v[i] == ',' {
		return skipSpace(v, i+1)
	}
	return i
}

func skipSpace(v value, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r' {
		i++
	}
	return i
}

// valueEnd gives the place behind the value that begins at i.
func valueEnd(v value, i int) int {
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
	for ; i < len(v); i++ {
		switch v[i] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return i
		}
	}
	return i
}

// unmarshal parses data and gives the value to read.
func unmarshal(data []byte, read func(value) error) error {
	v, err := parse(data)
	if err != nil {
		return err
	}
	return read(v)
}
