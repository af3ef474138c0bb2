package withheld

import (
	"encoding/json"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Path is where a registry has its statements, relative to its URL: GET, and POST of a
// [Signed] as JSON.
const Path = "v1/withheld"

// MaxPage is how many statements a page has at most.
const MaxPage = 256

// PagePath is where the page is that begins with a statement.
func PagePath(from uint64) string { return fmt.Sprintf("%s?from=%d", Path, from) }

// Page is some statements in a row.
type Page struct {
	Origin     protocol.Hash `json:"origin"`
	Total      uint64        `json:"total"` // how many the registry has
	Statements []Signed      `json:"statements"`
}

// AppendJSON appends the page as JSON.
func (p Page) AppendJSON(b []byte) []byte { return appendJSON(b, p) }

// MarshalJSON implements [json.Marshaler].
func (p Page) MarshalJSON() ([]byte, error) {
	type plain Page
	return json.Marshal(plain(p))
}

// UnmarshalJSON reads what AppendJSON writes. Nothing is verified.
func (p *Page) UnmarshalJSON(text []byte) error {
	type plain Page
	*p = Page{}
	err := json.Unmarshal(text, (*plain)(p))
	if err == nil && len(p.Statements) > MaxPage {
		err = fmt.Errorf("a page has %d statements, more than %d", len(p.Statements), MaxPage)
	}
	return err
}

// AppendJSON appends the statement as JSON.
func (s Signed) AppendJSON(b []byte) []byte { return appendJSON(b, s) }

// MarshalJSON implements [json.Marshaler].
func (s Signed) MarshalJSON() ([]byte, error) {
	type plain Signed
	return json.Marshal(plain(s))
}

// UnmarshalJSON reads what AppendJSON writes. Nothing is verified.
func (s *Signed) UnmarshalJSON(text []byte) error {
	type plain Signed
	*s = Signed{}
	if err := json.Unmarshal(text, (*plain)(s)); err != nil {
		return err
	}
	s.Time = s.Time.UTC()
	return nil
}

func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // there is nothing in it that can not be encoded
	}
	return append(b, text...)
}

// ListError says that the statements that were read are not those of a registry: one of
// them does not hold or follow, or is missing. Err is a [*KeyError] if the operator log may
// tell otherwise when more of it was read.
type ListError struct {
	Statement *Signed // the one that does not hold; nil if one is missing
	Err       error
}

func (e *ListError) Error() string { return fmt.Sprintf("the list of what is withheld: %v", e.Err) }

// Unwrap returns Err.
func (e *ListError) Unwrap() error { return e.Err }

// Read reads all statements of a registry, page by page, and verifies them. get returns the
// page of a path; it is not asked for more than limit statements.
//
// Errors: those of get, of a list that is longer than that, and [*ListError]. The chain and the statements are then those before.
func Read(origin protocol.Hash, keys Keys, limit uint64, get func(path string) (Page, error)) (*Chain, []Signed, error) {
	chain := NewChain(origin)
	var all []Signed
	for {
		page, err := get(PagePath(chain.Length()))
		if err != nil {
			return chain, all, err
		}
		held, err := chain.appendAll(page.Statements, keys)
		all = append(all, held...)
		switch {
		case err != nil:
			return chain, all, err
		case chain.Length() >= page.Total:
			return chain, all, nil
		case len(page.Statements) == 0:
			return chain, all, &ListError{Err: fmt.Errorf("it ends early: it has %d of %d statements", chain.Length(), page.Total)}
		case chain.Length() > limit:
			return chain, all, fmt.Errorf("the list of what is withheld has more than %d statements", limit)
		}
	}
}

// appendAll takes statements in, and returns those before the first that does not hold; the
// error is a [*ListError].
func (c *Chain) appendAll(statements []Signed, keys Keys) ([]Signed, error) {
	for i, s := range statements {
		if err := c.Append(s, keys); err != nil {
			return statements[:i], &ListError{&s, err}
		}
	}
	return statements, nil
}
