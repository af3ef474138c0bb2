package protocol

import "strings"

// Requirement is a Cargo-style requirement of a version: "^0.2", ">=1.2, <2", "*". Which
// versions fit is what Rust's semver crate 1.0 says. The zero value is "*".
type Requirement struct{ comparators versionRequirement }

// ParseRequirement parses a requirement. The error says what is wrong with the text.
func ParseRequirement(text string) (Requirement, error) {
	comparators, err := parseRequirement(text)
	return Requirement{comparators}, err
}

// Matches reports whether a version fits; one that [CheckVersion] refuses does not. A
// version with a pre-release label fits only if the requirement names a label of the same
// three numbers.
func (r Requirement) Matches(text string) bool {
	v, err := parseVersion(text)
	return err == nil && r.comparators.matches(v)
}

// IsPreRelease reports whether a version has a pre-release label.
func IsPreRelease(text string) bool {
	v, err := parseVersion(text)
	return err == nil && v.pre != ""
}

// CompareVersions orders versions by semver precedence and, where that is the only
// difference, by build metadata; it returns -1, 0 or 1. What [CheckVersion] refuses comes
// before every version, in the order of its text.
func CompareVersions(a, b string) int {
	v, errA := parseVersion(a)
	w, errB := parseVersion(b)
	switch {
	case errA == nil && errB == nil:
		return v.compare(w)
	case errA == nil:
		return 1
	case errB == nil:
		return -1
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// AppendVersionKey appends bytes that, compared with those of other versions as
// [bytes.Compare] does, give the order of [CompareVersions]: for databases. What
// [CheckVersion] refuses has the key of 0.0.0.
func AppendVersionKey(b []byte, text string) []byte {
	v, _ := parseVersion(text)
	for _, n := range []uint64{v.major, v.minor, v.patch} {
		b = appendNumberKey(b, n)
	}
	if v.pre == "" {
		b = append(b, keyRelease)
	} else {
		b = appendIdentifiersKey(append(b, keyPreRelease), v.pre)
	}
	return appendIdentifiersKey(b, v.build)
}

// Bytes in the key of a version, in their order.
const (
	keyEnd byte = iota
	keyNumeric
	keyText
)

const (
	keyPreRelease byte = iota
	keyRelease
)

// appendNumberKey appends a number with how many bytes it has before it.
func appendNumberKey(b []byte, n uint64) []byte {
	size := 0
	for rest := n; rest > 0; rest >>= 8 {
		size++
	}
	b = append(b, byte(size))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// appendIdentifiersKey follows compareIdentifiers: numbers before text, by digits without
// leading zeros, then by length; fewer identifiers first.
func appendIdentifiersKey(b []byte, identifiers string) []byte {
	for identifiers != "" {
		var segment string
		segment, identifiers, _ = strings.Cut(identifiers, ".")
		if !isNumeric(segment) {
			b = append(append(append(b, keyText), segment...), keyEnd)
			continue
		}
		digits := strings.TrimLeft(segment, "0")
		b = appendNumberKey(append(b, keyNumeric), uint64(len(digits)))
		b = append(b, digits...)
		b = appendNumberKey(b, uint64(len(segment)))
	}
	return append(b, keyEnd)
}
