// Package precondition evaluates conditional requests to read (RFC 9110, section 13).
package precondition

import (
	"net/http"
	"strings"
)

// Outcome is what the conditions of a request come to.
type Outcome int

const (
	Met         Outcome = iota // it is answered as without conditions
	NotModified                // by status 304: the client has what it would get
	Failed                     // by status 412: it does not want what it would get
)

// Status is the status of an answer whose status without conditions would be 200.
func (o Outcome) Status() int {
	return map[Outcome]int{Met: http.StatusOK, NotModified: http.StatusNotModified, Failed: http.StatusPreconditionFailed}[o]
}

// Read evaluates the conditions of a GET or HEAD whose answer would have status 200 and
// the entity tag; "": it would have none. Conditions count for nothing where the answer
// would be another one (section 13.2.1). Those about times are passed over: what is
// answered has no time of its last modification.
func Read(h http.Header, tag string) Outcome {
	if lists := h.Values("If-Match"); len(lists) > 0 && !match(lists, tag, true) {
		return Failed
	}
	if lists := h.Values("If-None-Match"); len(lists) > 0 && match(lists, tag, false) {
		return NotModified
	}
	return Met
}

// HasTag reports whether If-None-Match names an entity tag: "*" names none.
func HasTag(h http.Header, tag string) bool {
	lists := h.Values("If-None-Match")
	return !isAny(lists) && match(lists, tag, false)
}

// isAny reports whether a condition is for whatever there is.
func isAny(lists []string) bool { return len(lists) == 1 && strings.TrimSpace(lists[0]) == "*" }

// match reports whether a condition names an entity tag, by strong or weak comparison
// (section 8.8.3.2).
func match(lists []string, tag string, strong bool) bool {
	if isAny(lists) {
		return true
	}
	if tag == "" || strong && isWeak(tag) {
		return false
	}
	for _, list := range lists {
		for list != "" {
			var one string
			if one, list = next(list); one != "" && !(strong && isWeak(one)) && strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

func isWeak(tag string) bool { return strings.HasPrefix(tag, "W/") }

// next takes an entity tag from the front of a list; "" if what stands there is none, and
// then there is no rest. Commas may stand in a tag, and more than one between tags.
func next(list string) (tag, rest string) {
	list = strings.TrimLeft(list, ", \t")
	opaque := strings.TrimPrefix(list, "W/")
	if !strings.HasPrefix(opaque, `"`) {
		return "", ""
	}
	end := strings.IndexByte(opaque[1:], '"')
	if end < 0 {
		return "", ""
	}
	length := len(list) - len(opaque) + end + 2
	rest = strings.TrimLeft(list[length:], " \t")
	if rest != "" && rest[0] != ',' {
		return "", ""
	}
	return list[:length], rest
}
