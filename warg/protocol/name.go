package protocol

import (
	"fmt"
	"strings"
)

// PackageName is a valid package name, "<namespace>:<name>", both parts
// kebab-case words in lower case. The zero value is not valid. Values are
// comparable.
type PackageName struct {
	text  string
	colon int
}

// ParsePackageName parses "<namespace>:<name>". Source: warg-protocol,
// registry.rs.
func ParsePackageName(text string) (PackageName, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 || !isKebab(text[:colon]) || !isKebab(text[colon+1:]) {
		return PackageName{}, fmt.Errorf("invalid package name `%s`: expected format is `<namespace>:<name>` using lowercased characters", text)
	}
	return PackageName{text: text, colon: colon}, nil
}

// ValidNamespace reports whether text may be the namespace of a package.
func ValidNamespace(text string) bool { return isKebab(text) }

// String returns "<namespace>:<name>".
func (n PackageName) String() string { return n.text }

// Namespace returns the part before the colon.
func (n PackageName) Namespace() string { return n.text[:n.colon] }

// Name returns the part after the colon.
func (n PackageName) Name() string {
	_, name, _ := strings.Cut(n.text, ":")
	return name
}

// LogID returns the id of the package's log.
func (n PackageName) LogID() Hash {
	b := make([]byte, 0, 128)
	b = append(b, "WARG-PACKAGE-LOG-ID-V0:"...)
	return HashOf(n.appendEncoding(b))
}

func (n PackageName) appendEncoding(b []byte) []byte {
	b = append(b, "WARG-PACKAGE-ID-V0"...)
	return AppendString(b, n.text)
}

// MarshalText implements [encoding.TextMarshaler].
func (n PackageName) MarshalText() ([]byte, error) { return []byte(n.text), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParsePackageName].
func (n *PackageName) UnmarshalText(text []byte) error {
	parsed, err := ParsePackageName(string(text))
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// isKebab reports whether s is one or more words joined by single hyphens, each
// word a lower-case letter followed by lower-case letters and digits: the
// component model's kebab-name without its upper-case words.
func isKebab(s string) bool {
	inWord := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			inWord = true
		case c >= '0' && c <= '9' && inWord:
		case c == '-' && inWord:
			inWord = false
		default:
			return false
		}
	}
	return inWord
}
