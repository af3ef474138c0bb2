package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding/json reads more than the reference does: names in any case, members
// twice, text that is not Unicode. The functions here read JSON the way serde
// does, and keep the order of members, which states depend on.

// decodeJSONStruct calls set with the value of each of the members of a JSON
// object, all of which must be there once; other members are ignored. A JSON
// array is read as the values in the order of members.
func decodeJSONStruct(data []byte, members []string, set func(member int, value []byte) error) error {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte{'['}) {
		return decodeJSONObject(data, members, set)
	}
	n := 0
	err := jsonElements(data, func(value []byte) error {
		if n == len(members) {
			return fmt.Errorf("array has more than %d elements", n)
		}
		if err := set(n, value); err != nil {
			return fmt.Errorf("%s: %w", members[n], err)
		}
		n++
		return nil
	})
	if err == nil && n < len(members) {
		err = fmt.Errorf("array has %d elements, want %d", n, len(members))
	}
	return err
}

// decodeJSONObject is decodeJSONStruct without arrays.
func decodeJSONObject(data []byte, members []string, set func(member int, value []byte) error) error {
	var seen uint64
	err := jsonMembers(data, func(name string, value []byte) error {
		i := slices.Index(members, name)
		if i < 0 {
			return nil
		}
		if seen&(1<<i) != 0 {
			return fmt.Errorf("duplicate field `%s`", name)
		}
		seen |= 1 << i
		if err := set(i, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, name := range members {
		if seen&(1<<i) == 0 {
			return fmt.Errorf("missing field `%s`", name)
		}
	}
	return nil
}

// jsonMembers calls visit with each member of a JSON object, in order, twice for
// those that stand there twice.
func jsonMembers(data []byte, visit func(name string, value []byte) error) error {
	if err := checkJSON(data); err != nil {
		return err
	}
	return jsonItems(data, '{', func(name, value []byte) error {
		text, err := jsonText(name)
		if err != nil {
			return err
		}
		return visit(text, value)
	})
}

// jsonElements calls visit with each element of a JSON array.
func jsonElements(data []byte, visit func(value []byte) error) error {
	if err := checkJSON(data); err != nil {
		return err
	}
	return jsonItems(data, '[', func(_, value []byte) error { return visit(value) })
}

// checkJSON does not ask for UTF-8: the reference does so only in strings that
// it reads, see jsonText.
func checkJSON(data []byte) error {
	if !json.Valid(data) {
		return errors.New("not JSON")
	}
	return nil
}

// jsonItems walks through an object or array, which must be valid JSON.
func jsonItems(data []byte, open byte, visit func(name, value []byte) error) error {
	i := skipSpace(data, 0)
	if data[i] != open {
		return fmt.Errorf("want JSON that begins with %q", open)
	}
	for i = skipSpace(data, i+1); data[i] != open+2; i = skipSpace(data, i) { // '}' and ']' are two after '{' and '['
		if data[i] == ',' {
			i = skipSpace(data, i+1)
		}
		var name []byte
		if open == '{' {
			end := skipValue(data, i)
			name = data[i:end]
			i = skipSpace(data, skipSpace(data, end)+1) // the colon
		}
		end := skipValue(data, i)
		if err := visit(name, data[i:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

func skipSpace(data []byte, i int) int {
	for data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r' {
		i++
	}
	return i
}

// skipValue returns the end of the value that begins at i.
func skipValue(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i // the end of a number before it
			}
			depth--
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			continue
		case ':':
			continue
		default:
			continue // within a number or literal
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// jsonText returns the text of a JSON string. Unlike encoding/json it refuses
// what is not Unicode: bad UTF-8 and halves of surrogate pairs.
func jsonText(value []byte) (string, error) {
	if value[0] != '"' {
		return "", errors.New("want a string")
	}
	if !utf8.Valid(value) {
		return "", errors.New("a string is not UTF-8")
	}
	inner := value[1 : len(value)-1]
	if !slices.Contains(inner, '\\') {
		return string(inner), nil
	}
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' {
			continue
		}
		i++
		if inner[i] != 'u' {
			continue
		}
		r := hexRune(inner[i+1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if len(inner)-i < 7 || inner[i+1] != '\\' || inner[i+2] != 'u' ||
			utf16.DecodeRune(r, hexRune(inner[i+3:])) == utf8.RuneError {
			return "", errors.New("half of a surrogate pair in a string")
		}
		i += 6
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", err
	}
	return text, nil
}

// hexRune reads the four digits of a \u escape in valid JSON.
func hexRune(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(n)
}

// jsonUint returns a JSON number that is a whole number below 2^64, written
// without fraction and exponent.
func jsonUint(value []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a whole number: %w", err)
	}
	return n, nil
}

// appendJSONString appends text as a JSON string with the escapes that
// serde_json writes: those that JSON demands and no others.
func appendJSONString(b []byte, text string) []byte {
	const short = "btn\x00fr" // \b \t \n, none, \f \r
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case c >= '\b' && c <= '\r' && short[c-'\b'] != 0:
			b = append(b, '\\', short[c-'\b'])
		default:
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(b, '"')
}
