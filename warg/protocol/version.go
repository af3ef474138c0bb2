package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// CheckVersion returns an error unless text is a semantic version (semver 2.0)
// as Rust's semver crate 1.0 parses it: three numbers below 2^64, and no blanks,
// prefixes or missing parts. Such a version has only one spelling, so versions
// are equal if and only if their texts are; build metadata counts.
func CheckVersion(text string) error {
	_, err := parseVersion(text)
	return err
}

type version struct {
	major, minor, patch uint64
	pre, build          string // dot-separated, empty if absent
}

func parseVersion(text string) (version, error) {
	var v version
	if text == "" {
		return v, errors.New("empty string, expected a semver version")
	}
	rest, err := cutNumbers(text, &v.major, &v.minor, &v.patch)
	if err != nil {
		return version{}, err
	}
	if v.pre, v.build, rest, err = cutLabels(rest); err != nil {
		return version{}, err
	}
	if rest != "" {
		return version{}, fmt.Errorf("unexpected %q after version number", rest)
	}
	return v, nil
}

// cutNumbers reads numbers with dots between them.
func cutNumbers(text string, numbers ...*uint64) (rest string, err error) {
	for i, n := range numbers {
		if i > 0 {
			after, ok := strings.CutPrefix(text, ".")
			if !ok {
				return "", fmt.Errorf("want %d numbers with dots between them, found %d", len(numbers), i)
			}
			text = after
		}
		if *n, text, err = cutNumber(text); err != nil {
			return "", err
		}
	}
	return text, nil
}

// cutNumber reads a decimal number without leading zeros, below 2^64.
func cutNumber(text string) (n uint64, rest string, err error) {
	i := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		digit := uint64(text[i] - '0')
		if n == 0 && i > 0 {
			return 0, "", fmt.Errorf("invalid leading zero in version number %q", text)
		}
		if n > (1<<64-1-digit)/10 {
			return 0, "", fmt.Errorf("version number in %q exceeds u64::MAX", text)
		}
		n = n*10 + digit
	}
	if i == 0 {
		return 0, "", fmt.Errorf("want a version number, found %q", text)
	}
	return n, text[i:], nil
}

// cutLabels reads "-<pre-release>" and "+<build metadata>", both optional.
func cutLabels(text string) (pre, build, rest string, err error) {
	if after, ok := strings.CutPrefix(text, "-"); ok {
		if pre, text, err = cutIdentifiers(after, "pre-release identifier"); err != nil {
			return "", "", "", err
		}
	}
	if after, ok := strings.CutPrefix(text, "+"); ok {
		if build, text, err = cutIdentifiers(after, "build metadata"); err != nil {
			return "", "", "", err
		}
	}
	return pre, build, text, nil
}

func cutIdentifiers(text, what string) (identifiers, rest string, err error) {
	end := 0
	for end < len(text) && (isIdentifierByte(text[end]) || text[end] == '.') {
		end++
	}
	identifiers, rest = text[:end], text[end:]
	for segment := range strings.SplitSeq(identifiers, ".") {
		if segment == "" {
			return "", "", fmt.Errorf("empty identifier segment in %s", what)
		}
		if what == "pre-release identifier" && len(segment) > 1 && segment[0] == '0' && isNumeric(segment) {
			return "", "", fmt.Errorf("invalid leading zero in %s", what)
		}
	}
	return identifiers, rest, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isIdentifierByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-'
}

func isNumeric(segment string) bool {
	for i := range len(segment) {
		if !isDigit(segment[i]) {
			return false
		}
	}
	return true
}

// compare orders versions by semver precedence and, unlike semver, by build
// metadata where that is the only difference, as the semver crate does.
func (v version) compare(w version) int {
	return cmp.Or(
		cmp.Compare(v.major, w.major),
		cmp.Compare(v.minor, w.minor),
		cmp.Compare(v.patch, w.patch),
		comparePre(v.pre, w.pre),
		compareIdentifiers(v.build, w.build),
	)
}

// comparePre orders pre-release labels (semver 2.0 section 11). No label comes
// after every label.
func comparePre(a, b string) int {
	if a == "" || b == "" {
		return -cmp.Compare(len(a), len(b))
	}
	return compareIdentifiers(a, b)
}

func compareIdentifiers(a, b string) int {
	for a != "" && b != "" {
		var segmentA, segmentB string
		segmentA, a, _ = strings.Cut(a, ".")
		segmentB, b, _ = strings.Cut(b, ".")
		if c := compareSegments(segmentA, segmentB); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b)) // the one with more segments is greater
}

// compareSegments orders numbers by value, then (in build metadata only, for
// others have no leading zeros) by length, and before everything else.
func compareSegments(a, b string) int {
	numericA, numericB := isNumeric(a), isNumeric(b)
	switch {
	case numericA && numericB:
		digitsA, digitsB := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(
			cmp.Compare(len(digitsA), len(digitsB)),
			strings.Compare(digitsA, digitsB),
			cmp.Compare(len(a), len(b)),
		)
	case numericA:
		return -1
	case numericB:
		return 1
	}
	return strings.Compare(a, b)
}
