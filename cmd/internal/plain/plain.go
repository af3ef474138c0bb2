// Package plain makes text from elsewhere fit to be shown on a terminal.
package plain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is a text on one line that shows all that is in it: whatever a terminal would
// obey, such as an escape sequence, a line break or a change of direction, is written as
// in a string of Go ("\x1b"). Most of what this program says comes from a registry that
// nobody trusts.
func Text(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		text = text[size:]
	}
	return b.String()
}

// Error is an error on one line: those that were joined are parted by semicolons.
func Error(err error) string {
	return Text(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// JSON writes what a terminal would obey in JSON as "\u....": encoding/json does
// that for characters below the space alone. All others can stand in strings only.
func JSON(text []byte) []byte {
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case unicode.IsPrint(r) || r == '\n':
			plain = append(plain, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			plain = fmt.Appendf(plain, `\u%04x\u%04x`, high, low)
		default:
			plain = fmt.Appendf(plain, `\u%04x`, r)
		}
		text = text[size:]
	}
	return plain
}
