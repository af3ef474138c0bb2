package api

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/personality/protocol"
)

// appendText appends s as a JSON string, escaped as serde_json does: the quote,
// the backslash and control characters. (encoding/json also escapes U+2028 and
// U+2029.) Bytes that are not UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ':
			b = append(b, c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(b, '"')
}

func appendTextOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendText(b, *s)
}

func appendUint(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

func appendBase64(b, data []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, '"')
}

// appendList appends a JSON list.
func appendList[T any](b []byte, list []T, element func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, e)
	}
	return append(b, ']')
}

// appendHashMap appends a JSON object with hashes as names.
func appendHashMap[V any](b []byte, m HashMap[V], val func([]byte, V) []byte) []byte {
	b = append(b, '{')
	for i, e := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHash(b, e.Hash)
		b = append(b, ':')
		b = val(b, e.Value)
	}
	return append(b, '}')
}

func appendHash(b []byte, h protocol.AnyHash) []byte { return appendText(b, string(h)) }

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }
