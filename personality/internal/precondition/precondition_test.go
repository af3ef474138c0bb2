package precondition

import (
	"net/http"
	"testing"
)

// Sources: RFC 9110, sections 8.8.3.2 (comparison), 13.1.1, 13.1.2 and 13.2.2 (precedence).
func TestRead(t *testing.T) {
	const strong, weak = `"a"`, `W/"a"`
	for _, test := range []struct {
		match, none []string
		tag         string
		want        Outcome
	}{
		{nil, nil, strong, Met},
		{nil, []string{`"a"`}, strong, NotModified},
		{nil, []string{`W/"a"`}, strong, NotModified},
		{nil, []string{`"a"`}, weak, NotModified},
		{nil, []string{`W/"a"`}, weak, NotModified},
		{nil, []string{`"b"`}, strong, Met},
		{nil, []string{`"b", "c" ,W/"a"`}, strong, NotModified},
		{nil, []string{`"b"`, `"a"`}, strong, NotModified},
		{nil, []string{`, ,"b",,"a",`}, strong, NotModified},
		{nil, []string{`"a,b", "c"`}, `"a,b"`, NotModified},
		{nil, []string{`"b,"a","c"`}, strong, Met},
		{nil, []string{`a`}, strong, Met},
		{nil, []string{`"a`}, strong, Met},
		{nil, []string{`w/"a"`}, strong, Met},
		{nil, []string{``}, strong, Met},
		{nil, []string{`*`}, strong, NotModified},
		{nil, []string{` * `}, "", NotModified},
		{nil, []string{`"*"`}, strong, Met},
		{nil, []string{`*, "b"`}, strong, Met},
		{nil, []string{`""`}, "", Met},
		{[]string{`"a"`}, nil, strong, Met},
		{[]string{`"b", "a"`}, nil, strong, Met},
		{[]string{`W/"a"`}, nil, strong, Failed},
		{[]string{`"a"`}, nil, weak, Failed},
		{[]string{`W/"a"`}, nil, weak, Failed},
		{[]string{`*`}, nil, weak, Met},
		{[]string{`"b"`}, []string{`"a"`}, strong, Failed},
		{[]string{`"a"`}, []string{`"a"`}, strong, NotModified},
	} {
		h := http.Header{"If-Modified-Since": {"Thu, 01 Jan 2099 00:00:00 GMT"}}
		if test.match != nil {
			h["If-Match"] = test.match
		}
		if test.none != nil {
			h["If-None-Match"] = test.none
		}
		if got := Read(h, test.tag); got != test.want {
			t.Errorf("If-Match %q, If-None-Match %q, tag %s: %d, want %d", test.match, test.none, test.tag, got, test.want)
		}
	}
}

func TestHasTag(t *testing.T) {
	for given, want := range map[string]bool{`"b", W/"a"`: true, `*`: false, `"b"`: false} {
		if got := HasTag(http.Header{"If-None-Match": {given}}, `W/"a"`); got != want {
			t.Errorf("%s: %v", given, got)
		}
	}
}
