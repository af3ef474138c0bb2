package serde

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text reads a string. It refuses what is not Unicode: bad UTF-8 and halves of
// surrogate pairs, of which encoding/json would make U+FFFD.
func (v Value) Text() (string, error) {
	if v[0] != '"' {
		return "", v.mismatch("a string")
	}
	if !utf8.Valid(v) {
		return "", errors.New("a string is not UTF-8")
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

// AppendText appends s as a JSON string, escaped as serde_json does: the quote,
// the backslash and control characters. (encoding/json also escapes U+2028 and
// U+2029.) Bytes that are not UTF-8 become U+FFFD, a run of them a single one.
func AppendText(b []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\ufffd")
	b = append(b, '"')
	plain := 0 // where what is not copied yet begins
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b = appendEscape(append(b, s[plain:i]...), c)
			plain = i + 1
		}
	}
	b = append(b, s[plain:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	const hexDigits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
