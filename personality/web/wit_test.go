package web

import (
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// Words, comments and interfaces are told apart; together the pieces are the line.
func TestWITTokens(t *testing.T) {
	s := New(Options{})
	for text, want := range map[string]string{
		"  import wasi:io/streams@0.2.3;":            "  |word:import| |name:wasi:io/streams@0.2.3|;",
		"use wasi:io/poll@0.2.3.{pollable};":         "|word:use| |name:wasi:io/poll@0.2.3|.{pollable};",
		"  /// import a:b/c;":                        "  |comment:/// import a:b/c;",
		"scale: func(a: list<u8>) -> result<string>": "scale: |word:func|(a: |word:list|<|word:u8|>) -> |word:result|<|word:string|>",
		"important: important-type,":                 "important: important-type,",
		"export a:b/c/d:e;":                          "|word:export| a:b/c/d:e;",
		"a//b//c":                                    "a|comment://b//c",
		"":                                           "",
	} {
		tokens, _ := s.witTokens(text)
		got, whole := "", ""
		for i, token := range tokens {
			if i > 0 || token.Class != "" {
				got += "|"
			}
			if token.Class != "" {
				got += token.Class + ":"
			}
			got += token.Text
			whole += token.Text
			if (token.Class == "name") != (token.URL != "") {
				t.Errorf("%q: %q leads to %q", text, token.Text, token.URL)
			}
		}
		if got != want || whole != text {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// The parts of a content's size are all of it, whatever it says of itself.
func TestParts(t *testing.T) {
	for name, c := range map[string]struct {
		d    discovery.Description
		want string
	}{
		"honest":       {discovery.Description{Size: 1000, Code: 500, Data: 200, Custom: discovery.List[discovery.Section]{Items: []discovery.Section{{Size: 60}, {Size: 40}}}}, "code 500 0.0+500.0, data 200 500.0+200.0, custom 100 700.0+100.0, rest 200 800.0+200.0"},
		"too much":     {discovery.Description{Size: 100, Code: 90, Data: 90}, "code 90 0.0+900.0, data 10 900.0+100.0"},
		"negative":     {discovery.Description{Size: 100, Code: -90, Data: 100}, "data 100 0.0+1000.0"},
		"only the end": {discovery.Description{Size: 8}, "rest 8 0.0+1000.0"},
		"nothing":      {discovery.Description{Code: 9}, ""},
	} {
		var got []string
		for _, p := range parts(&c.d) {
			got = append(got, p.Class+" "+count(p.Bytes)+" "+p.At+"+"+p.Wide)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
