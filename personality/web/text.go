package web

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may stand on a character: more of them would be
// drawn over the lines above and below.
const maxMarks = 3

// line is text of a package on one line, of at most so many bytes as it stands in HTML;
// what is cut ends with an ellipsis. See [clean].
func line(text string, most int) string {
	shown, cut := clean(text, most, false)
	shown = strings.TrimSpace(shown)
	if cut {
		shown += "…"
	}
	return shown
}

// lines is [line] for text that has several.
func lines(text string, most int) string {
	shown, cut := clean(text, most, true)
	shown = strings.Trim(shown, "\n")
	if cut {
		shown += "…"
	}
	return shown
}

// clean makes text of a package fit for a page, where html/template escapes it: it has
// no control characters, what would reverse the direction of text is named instead, what
// cannot be seen is left out, and no more than most bytes will stand in the HTML. It
// reports whether something was cut.
func clean(text string, most int, multiline bool) (string, bool) {
	var b strings.Builder
	cost, marks := 0, 0
	for _, r := range text {
		piece := shown(r, multiline)
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		cost += htmlLength(piece)
		if cost > most {
			return b.String(), true
		}
		b.WriteString(piece)
	}
	return b.String(), false
}

// shown is what stands for a character.
func shown(r rune, multiline bool) string {
	switch {
	case r == '\n' && multiline, r == '\t' && multiline:
		return string(r)
	case r == '\n', r == '\t', r == '\u2028', r == '\u2029':
		return " "
	case turnsText(r):
		return fmt.Sprintf("[U+%04X]", r)
	case unicode.Is(unicode.Cc, r), invisible(r):
		return ""
	}
	return string(r) // what was no UTF-8 is U+FFFD by now
}

// turnsText: the explicit directional characters of Unicode (UAX #9, section 2), with
// which text can be made to look as other text.
func turnsText(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f' || r == '\u061c'
}

// invisible characters, but for those that join letters and emoji.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' || r == '\u3164' || r == '\u115f' || r == '\u1160' || r == '\uffa0'
}

// htmlLength is how many bytes html/template makes of a text at most.
func htmlLength(text string) int {
	n := 0
	for _, r := range text {
		switch r {
		case '<', '>':
			n += len("&lt;")
		case '&', '"', '\'', '+':
			n += len("&#34;")
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}
