package discovery

import (
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
)

// place is behind an item of an answer. What of it counts its source says.
type place struct {
	Source int    `json:"s,omitempty"` // number of the source
	Name   string `json:"n,omitempty"` // of the package,
	Rank   []byte `json:"r,omitempty"` // and the version's rank; none: behind all of the package
	Entry  int64  `json:"e,omitempty"` // or entry id
}

// token is a page value. It has nothing of this process in it: another one of the same
// registry understands it.
type token struct {
	place
	Query  uint64 `json:"q"`           // hash of what is asked
	Length uint64 `json:"l"`           // of the log that is looked at
	Total  int64  `json:"c,omitempty"` // as the first page had it
	More   bool   `json:"m,omitempty"` // or more
}

const maxToken = 2048 // bytes

func (k token) String() string {
	text, err := json.Marshal(k)
	if err != nil {
		panic(err) // there is nothing in it that can not be encoded
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// readToken returns the token of a page; for the first one, that of now.
func readToken(t tx, query, text string) (k token, err error) {
	position, err := t.number(metaPosition)
	if err != nil {
		return k, err
	}
	h := fnv.New64a()
	h.Write([]byte(query))
	if text == "" {
		return token{Query: h.Sum64(), Length: position}, nil
	}
	if len(text) > maxToken {
		return k, badQuery("page is not one that this registry gave")
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(plain, &k)
	}
	if err != nil || k.Source < 0 || k.Total < 0 {
		return k, badQuery("page is not one that this registry gave")
	}
	if k.Query != h.Sum64() {
		return k, badQuery("page is one of another query: keep all else as it was")
	}
	purged, err := t.number(metaPurged)
	if err != nil {
		return k, err
	}
	if k.Length < purged {
		return k, badQuery("page is too old: begin with the first one again")
	}
	if k.Length > position {
		return k, ErrUnavailable // another process is ahead; this one is there in a moment
	}
	return k, nil
}
