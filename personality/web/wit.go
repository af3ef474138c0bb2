package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// How much of a WIT is on a page, in bytes of HTML.
const (
	witOnRelease = 20 << 10
	witOnPage    = 64 << 10
	// witLine is how long a line of it may be.
	witLine = 400
)

// witPart is a part of a WIT, line by line, with links to interfaces.
type witPart struct {
	From   int // the first line, from 0
	Lines  [][]token
	Cut    bool   // the text of the whole is cut
	Next   string // address of the page with what is behind it
	Worlds []discovery.WITWorld
}

// token is a piece of a line of WIT.
type token struct {
	Class string // word, comment, name; "" for others
	Text  string
	URL   string // of an interface that this registry has something of
	name  string // of that interface, without a version
}

type witView struct {
	discovery.Summary
	WIT   *witPart
	First string
	JSON  string
}

// wit is the WIT of a release, a part of it.
func (s *Site) wit(r *http.Request, v *visit) (page, error) {
	found, from, err := s.releaseFrom(r)
	if err != nil {
		return page{}, err
	}
	name, version := found.Name, found.Version
	if !found.HasWIT || found.Withheld != nil {
		return page{}, &Problem{http.StatusNotFound, "This release has no WIT that can be shown."}
	}
	view := witView{Summary: found.Summary, JSON: v.link("/" + discovery.ReleasePath(name, version) + "/wit")}
	if view.WIT, err = s.witOf(r, name, version, int(min(from, 1<<30)), witOnPage); err != nil {
		return page{}, err
	}
	if from > 0 {
		view.First = s.releaseURL(name, version, "wit")
	}
	return page{template: "wit", title: "WIT of " + name + " " + version, data: view}, nil
}

// witOf reads a WIT and renders it from a line on, as much as room has bytes.
func (s *Site) witOf(r *http.Request, name, version string, from, room int) (*witPart, error) {
	w, err := s.Index.WIT(r.Context(), name, version)
	if err != nil {
		return nil, err
	}
	part := &witPart{From: from, Cut: w.Truncated, Worlds: w.Worlds}
	n := 0
	for text := range strings.Lines(w.Text) {
		if n++; n <= from {
			continue
		}
		tokens, cost := s.witTokens(strings.TrimSuffix(text, "\n"))
		if room -= cost; room < 0 && len(part.Lines) > 0 {
			part.Next = s.to("/packages/"+name+"/"+url.PathEscape(version)+"/wit", "from", strconv.Itoa(n-1))
			break
		}
		part.Lines = append(part.Lines, tokens)
	}
	s.linkKnown(r.Context(), part)
	return part, nil
}

// linkKnown takes away the links to interfaces of which this registry has nothing.
func (s *Site) linkKnown(ctx context.Context, part *witPart) {
	var names []string
	for _, line := range part.Lines {
		for _, t := range line {
			if t.name != "" {
				names = append(names, t.name)
			}
		}
	}
	known := s.known(ctx, names)
	for _, line := range part.Lines {
		for i := range line {
			if t := &line[i]; t.name != "" && !known[t.name] {
				t.Class, t.URL = "", ""
			}
		}
	}
}

// maxLooked bounds the interfaces of a page that are looked for. Others have no link.
const maxLooked = 120

// known are the interfaces, of those named, that have a page which shows something. That
// it can not be asked only costs the links.
func (s *Site) known(ctx context.Context, names []string) map[string]bool {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil
	}
	known, err := s.Index.Known(ctx, names[:min(len(names), maxLooked)])
	if err != nil {
		return nil
	}
	return known
}

var witWords = map[string]bool{
	"package": true, "interface": true, "world": true, "import": true, "export": true, "use": true, "include": true, "with": true, "as": true,
	"type": true, "resource": true, "func": true, "record": true, "enum": true, "flags": true, "variant": true, "static": true,
	"constructor": true, "async": true,
	"bool": true, "s8": true, "s16": true, "s32": true, "s64": true, "u8": true, "u16": true, "u32": true, "u64": true, "f32": true, "f64": true,
	"char": true, "string": true, "list": true, "option": true, "result": true, "tuple": true, "own": true, "borrow": true, "stream": true, "future": true,
}

// tokenCost is about how many bytes of HTML stand around a token.
const tokenCost = 24

// witTokens divides a line of WIT, and says about how many bytes of HTML it takes. Each name
// of an interface has a link, also if there is nothing at its end.
func (s *Site) witTokens(text string) (tokens []token, cost int) {
	text, cut := clean(text, witLine, true)
	if cut {
		text += "…"
	}
	cost = 2 * tokenCost
	add := func(class, piece, name string) {
		if piece == "" {
			return
		}
		one := token{Class: class, Text: piece, name: name}
		if name != "" {
			one.URL = s.interfaceURL(name)
		}
		cost += htmlLength(piece)
		if class != "" {
			cost += tokenCost + 3*len(one.URL)
		}
		tokens = append(tokens, one)
	}
	code, comment, found := strings.Cut(text, "//")
	if found {
		comment = "//" + comment
	}
	plain := 0 // where what is not a token begins
	for at := 0; at < len(code); {
		end := at
		for end < len(code) && isNamePart(code[end]) {
			end++
		}
		if end == at {
			at++
			continue
		}
		word := code[at:end]
		switch name, _, _ := strings.Cut(word, "@"); {
		case strings.Contains(word, "/") && s.interfaceURL(name) != "":
			add("", code[plain:at], "")
			word = strings.TrimRight(word, ".") // use a:b/c@1.0.0.{d}
			add("name", word, name)
			end = at + len(word)
			plain = end
		case witWords[word]:
			add("", code[plain:at], "")
			add("word", word, "")
			plain = end
		}
		at = max(end, at+1)
	}
	add("", code[plain:], "")
	add("comment", comment, "")
	return tokens, cost
}

// isNamePart: bytes of names, versions and words of WIT.
func isNamePart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_:/@.+", c) >= 0
}
