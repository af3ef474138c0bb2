package serde

import (
	"encoding/json"
	"testing"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"a<b>&\u2028é\x7f":     `"a<b>&` + "\u2028é\x7f" + `"`,
		"\b\t\n\v\f\r\x00\x1f": `"\b\t\n\u000b\f\r\u0000\u001f"`,
		`"\/`:                  `"\"\\/"`,
	} {
		got := AppendText(nil, text)
		if string(got) != want {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
		back, err := Value(got).Text()
		if err != nil || back != text {
			t.Errorf("read again: %q, %v", back, err)
		}
	}
	for _, value := range []string{"\"\xff\"", `"\ud800"`, `"\udc00"`, `"\ud800x"`, `"\ud800\u0041"`, `"\udc00\ud800"`, `"\ud800\ud800"`, `5`, `null`} {
		if !json.Valid([]byte(value)) {
			t.Fatal(value)
		}
		if got, err := Value(value).Text(); err == nil {
			t.Errorf("%s is accepted as %q", value, got)
		}
	}
	if got, err := Value(`"\ud83d\ude00\u00e9\\ud800"`).Text(); err != nil || got != `😀é\ud800` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMembersAreCaseSensitiveAndSingle(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a":1,"b":2}`:                        true,
		` { "b" : [1,{"a":"}"}] , "a":"\"]"} `: true,
		`[1,2]`:                                true,
		`{"a":1,"b":2,"c":{"a":1}}`:            true,
		`{"\u0061":1,"b":2}`:                   true,
		`{"A":1,"b":2}`:                        false,
		`{"a":1,"b":2,"a":1}`:                  false,
		`{"a":1,"\u0061":1,"b":2}`:             false,
		`{"a":1}`:                              false,
		`[1]`:                                  false,
		`[1,2,3]`:                              false,
		`[]`:                                   false,
		`{}`:                                   false,
		``:                                     false,
		`null`:                                 false,
		"{\"a\":1,\"b\":2,\"c\":\"\xff\"}":     true, // ignored, as by the reference
		"{\"a\":1,\"b\":2,\"\xff\":1}":         false,
	} {
		err := Unmarshal([]byte(text), func(v Value) error { return v.Struct(ignored("a"), ignored("b")) })
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func ignored(name string) Field {
	return RequiredBy(name, func(Value) error { return nil })
}
