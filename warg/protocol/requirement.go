package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// versionRequirement is a Cargo-style requirement as Rust's semver crate 1.0
// reads it: comparators with commas between them, all of which must hold. None
// at all ("*") holds for every version without a pre-release label.
type versionRequirement []comparator

// comparator compares with a version that may lack its last parts.
type comparator struct {
	op    string  // "=", ">", ">=", "<", "<=", "~", "^"
	at    version // without build metadata
	parts int     // how many of major, minor and patch are given: 1 to 3
}

// maxComparators is the crate's limit.
const maxComparators = 32

func parseRequirement(text string) (versionRequirement, error) {
	text = strings.TrimLeft(text, " ")
	if rest, ok := cutWildcard(text); ok {
		if strings.TrimLeft(rest, " ") != "" {
			return nil, fmt.Errorf("version requirement %q: a wildcard must stand alone", text)
		}
		return nil, nil
	}
	var req versionRequirement
	for part := range strings.SplitSeq(text, ",") {
		if len(req) == maxComparators {
			return nil, fmt.Errorf("version requirement has more than %d comparators", maxComparators)
		}
		c, err := parseComparator(strings.Trim(part, " "))
		if err != nil {
			return nil, fmt.Errorf("version requirement %q: %w", text, err)
		}
		req = append(req, c)
	}
	return req, nil
}

func parseComparator(text string) (comparator, error) {
	c := comparator{op: "^"}
	rest := text
	for _, op := range []string{"=", ">=", ">", "<=", "<", "~", "^"} {
		if after, ok := strings.CutPrefix(text, op); ok {
			c.op, rest = op, strings.TrimLeft(after, " ")
			break
		}
	}
	defaultOp := rest == text
	numbers := []*uint64{&c.at.major, &c.at.minor, &c.at.patch}
	wildcard := false
	for i, n := range numbers {
		if i > 0 {
			after, ok := strings.CutPrefix(rest, ".")
			if !ok {
				break
			}
			rest = after
			if after, ok = cutWildcard(rest); ok {
				wildcard, rest = true, after
				continue
			}
			if wildcard {
				return c, errors.New("a number after a wildcard")
			}
		}
		var err error
		if *n, rest, err = cutNumber(rest); err != nil {
			return c, err
		}
		c.parts++
	}
	if wildcard && defaultOp {
		c.op = "="
	}
	if c.parts == len(numbers) {
		var err error
		if c.at.pre, _, rest, err = cutLabels(rest); err != nil {
			return c, err
		}
	}
	if rest != "" {
		return c, fmt.Errorf("unexpected %q", rest)
	}
	return c, nil
}

func cutWildcard(text string) (rest string, ok bool) {
	if text == "" || !strings.Contains("*xX", text[:1]) {
		return text, false
	}
	return text[1:], true
}

// matches reports whether v fits. A version with a pre-release label fits only
// if a comparator names a label of the same three numbers.
func (r versionRequirement) matches(v version) bool {
	preAllowed := v.pre == ""
	for _, c := range r {
		if !c.matches(v) {
			return false
		}
		preAllowed = preAllowed || c.at.pre != "" && c.comparePrefix(v) == 0
	}
	return preAllowed
}

func (c comparator) matches(v version) bool {
	order := c.comparePrefix(v)
	full := c.parts == 3
	if order == 0 && full {
		order = comparePre(v.pre, c.at.pre)
	}
	// Without all three numbers, "greater" and "less" are about the numbers that
	// are given, and "equal" is about those and the absence of a label. Only "^"
	// does not ask for that absence.
	equal := order == 0 && (full || v.pre == "")
	switch c.op {
	case "=":
		return equal
	case ">":
		return order > 0
	case ">=":
		return order > 0 || equal
	case "<":
		return order < 0
	case "<=":
		return order < 0 || equal
	case "~":
		return c.sameUpTo(v, 2) && (order > 0 || equal)
	}
	return c.sameUpTo(v, c.caretParts()) && order >= 0
}

// caretParts says how many of the first numbers "^" fixes: those up to the first
// that is not zero.
func (c comparator) caretParts() int {
	switch {
	case c.at.major > 0 || c.parts == 1:
		return 1
	case c.at.minor > 0 || c.parts == 2:
		return 2
	}
	return 3
}

func (c comparator) sameUpTo(v version, parts int) bool {
	c.parts = min(c.parts, parts)
	return c.comparePrefix(v) == 0
}

// comparePrefix compares the given numbers with those of v; it is positive if v
// is greater.
func (c comparator) comparePrefix(v version) int {
	want := version{major: c.at.major}
	have := version{major: v.major}
	if c.parts > 1 {
		want.minor, have.minor = c.at.minor, v.minor
	}
	if c.parts > 2 {
		want.patch, have.patch = c.at.patch, v.patch
	}
	return have.compare(want)
}
