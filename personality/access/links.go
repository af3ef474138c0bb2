package access

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// linkLifetime is how long a link can be followed. What was begun in time may
// take longer.
const linkLifetime = time.Hour

// Links makes links that whoever has them may follow without a token, for a
// while and for one method and path only. All processes of a registry accept
// each other's. Safe for concurrent use.
type Links struct {
	key []byte
	now func() time.Time
}

// NewLinks returns the links of the registry with the given operator key. What
// signs them is derived from it (HKDF, RFC 5869), so that there is no second
// secret to keep.
func NewLinks(operator protocol.PrivateKey, now func() time.Time) (*Links, error) {
	key, err := hkdf.Key(sha256.New, []byte(operator.Text()), nil, "warg-personality: links to content, version 1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key that signs links: %w", err)
	}
	return &Links{key, now}, nil
}

// Sign returns the query, without the question mark, that makes a path (without
// scheme and host, with a slash in front) a link for one HTTP method.
func (l *Links) Sign(method, path string) string {
	expires := strconv.FormatInt(l.now().Add(linkLifetime).Unix(), 10)
	return "expires=" + expires + "&signature=" + base64.RawURLEncoding.EncodeToString(l.mac(method, path, expires))
}

// Valid reports whether a query makes a path a link for a method, and still
// does.
func (l *Links) Valid(method, path string, query url.Values) bool {
	expires := query.Get("expires")
	signature, err := base64.RawURLEncoding.DecodeString(query.Get("signature"))
	if err != nil || !hmac.Equal(signature, l.mac(method, path, expires)) {
		return false
	}
	until, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && l.now().Unix() <= until
}

func (l *Links) mac(method, path, expires string) []byte {
	mac := hmac.New(sha256.New, l.key)
	// None of them can hold a line feed but the path, which comes last.
	fmt.Fprintf(mac, "%s\n%s\n%s", method, expires, path)
	return mac.Sum(nil)
}
