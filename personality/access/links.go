package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"
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

// LinksSecretSize is the size in bytes of the secret that signs links.
const LinksSecretSize = sha256.Size

// NewLinks returns the links of the registry whose processes share a secret.
func NewLinks(secret []byte, now func() time.Time) (*Links, error) {
	if len(secret) != LinksSecretSize {
		return nil, fmt.Errorf("the secret that signs links has %d bytes, not %d", len(secret), LinksSecretSize)
	}
	return &Links{secret, now}, nil
}

// Sign returns the query, without the question mark, that makes a path (without
// scheme and host, with a slash in front) a link for one HTTP method. Whoever
// follows it may what the bearer of the token may at that time: the link ends with
// the token.
func (l *Links) Sign(method, path string, t Token) string {
	expires := strconv.FormatInt(l.now().Add(linkLifetime).Unix(), 10)
	id := t.linkID()
	return "expires=" + expires + "&token=" + id + "&signature=" + base64.RawURLEncoding.EncodeToString(l.mac(method, path, expires, id))
}

// Unlink removes from a query what [Links.Sign] has put there.
func Unlink(query url.Values) {
	for _, name := range []string{"expires", "token", "signature"} {
		query.Del(name)
	}
}

// Holder returns the token that a link was given for, if the query makes the path
// a link for the method, it has not expired, and the token is still in force.
func (l *Links) Holder(method, path string, query url.Values, tokens *Tokens) (Token, bool) {
	expires, id := query.Get("expires"), query.Get("token")
	signature, err := base64.RawURLEncoding.DecodeString(query.Get("signature"))
	if err != nil || !hmac.Equal(signature, l.mac(method, path, expires, id)) {
		return Token{}, false
	}
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || l.now().Unix() > until {
		return Token{}, false
	}
	return tokens.find(func(t Token) bool { return t.linkID() == id })
}

func (l *Links) mac(method, path, expires, token string) []byte {
	mac := hmac.New(sha256.New, l.key)
	// Each part is quoted, so that no two lists of parts have the same text.
	fmt.Fprintf(mac, "%q %q %q %q", method, expires, token, path)
	return mac.Sum(nil)
}

// linkID stands for a token in links: half of its hash. Nobody can find a token
// by it.
func (t Token) linkID() string { return base64.RawURLEncoding.EncodeToString(t.Hash[:16]) }
