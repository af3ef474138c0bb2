package access

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Permission is what the bearer of a token may do. Each one includes those
// before it.
type Permission uint8

// The permissions.
const (
	None    Permission = iota
	Read               // look up, fetch, download
	Publish            // post records and content, too
)

var permissionNames = map[string]Permission{"read": Read, "publish": Publish}

// Token is what a registry knows of a bearer token: not the token.
type Token struct {
	Hash       protocol.Hash // SHA-256 of the token's text
	Name       string        // whose it is, for people; may be empty
	Permission Permission
}

// NewToken makes a token of 256 random bits. Its text is for the bearer.
func NewToken(name string, p Permission) (text string, t Token) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	text = "warg_" + base64.RawURLEncoding.EncodeToString(secret)
	return text, Token{sha256.Sum256([]byte(text)), name, p}
}

// String returns the token's line in a tokens file.
func (t Token) String() string {
	fields := []string{t.Hash.String()}
	if t.Name != "" {
		fields = append(fields, t.Name)
	}
	for name, p := range permissionNames {
		if p == t.Permission {
			fields = append(fields, name)
		}
	}
	return strings.Join(fields, " ")
}

// ParseTokens reads a tokens file: on each line the hash of a token, a name if
// there is one, and what the bearer may do, read (the default) or publish:
//
//	sha256:<64 hexadecimal digits> [NAME] [read|publish]
//
// What stands behind a # is a comment. No hash may come twice.
func ParseTokens(text []byte) ([]Token, error) {
	var all []Token
	seen := map[protocol.Hash]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		t, err := parseToken(fields)
		if err == nil && seen[t.Hash] {
			err = fmt.Errorf("the same token stands there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		seen[t.Hash] = true
		all = append(all, t)
	}
	return all, lines.Err()
}

// parseToken does not quote what it can not read: it may be a token.
func parseToken(fields []string) (Token, error) {
	t := Token{Permission: Read}
	var err error
	if t.Hash, err = protocol.ParseHash(fields[0]); err != nil {
		return t, fmt.Errorf("it does not begin with the hash of a token, sha256:<64 hexadecimal digits>; `warg-personality token new` makes both")
	}
	rest := fields[1:]
	if n := len(rest); n > 0 && permissionNames[rest[n-1]] != None {
		t.Permission = permissionNames[rest[n-1]]
		rest = rest[:n-1]
	}
	switch len(rest) {
	case 0:
	case 1:
		t.Name = rest[0]
	default:
		return t, fmt.Errorf("behind the hash only a name without spaces and read or publish may stand")
	}
	return t, nil
}

// Tokens are the tokens that are in force. Safe for concurrent use.
type Tokens struct {
	path string
	all  atomic.Pointer[[]Token]
}

// LoadTokens reads the tokens of a file; see [ParseTokens].
func LoadTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	return t, t.Reload()
}

// Reload reads the file again. If that fails, the tokens stay as they were.
func (t *Tokens) Reload() error {
	text, err := files.Read(t.path, files.ListSize)
	if err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	all, err := ParseTokens(text)
	if err != nil {
		return fmt.Errorf("tokens file %s, %w", t.path, err)
	}
	t.all.Store(&all)
	return nil
}

// Find returns what is known of a token; false if it is not in force. How long
// that takes says nothing of the tokens there are.
func (t *Tokens) Find(token string) (Token, bool) {
	hash := sha256.Sum256([]byte(token))
	return t.find(func(known Token) bool { return subtle.ConstantTimeCompare(hash[:], known.Hash[:]) == 1 })
}

// find looks at all tokens, wherever the one is that it finds.
func (t *Tokens) find(is func(Token) bool) (found Token, ok bool) {
	for _, known := range *t.all.Load() {
		if is(known) {
			found, ok = known, true
		}
	}
	return found, ok
}
