package serde

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"a<b> &\u2028é\x7f":    `"a<b> &` + "\u2028é\x7f" + `"`,
		"a\\b\"":               `"a\\b\""`,
		"":                     `""`,
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
	for _, value := range []string{"\"\xff\"", `"\ud800"`, `"\udc00"`, `"\ud800x"`, `"\ud800\u0041"`, `"\udc00\ud800"`, `"\n\ud800"`, `"\ud800xudc00"`, `"\ud800\ndc00"`, `"\ud83d\ude00\ud83d"`, `"\ud800\ud800"`, `5`, `null`} {
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

func TestTextOfWhatIsNotUTF8(t *testing.T) {
	if got := string(AppendText(nil, "a\xff\xfeb\xff")); got != "\"a\ufffdb\ufffd\"" {
		t.Errorf("written as %q", got)
	}
}

// read gives a reader's outcome as text.
func read[T any](reader func(Value) (T, error)) func(Value) string {
	return func(v Value) string {
		got, err := reader(v)
		if err != nil {
			return "error: " + err.Error()
		}
		text, _ := json.Marshal(got)
		return string(text)
	}
}

func TestReaders(t *testing.T) {
	number := read(Value.Uint64)
	small := read(Value.Uint16)
	boolean := read(Value.Bool)
	text := read(Value.Text)
	list := read(ListOf(Value.Uint16))
	nullable := read(Nullable(Value.Uint16))
	parsed := read(Parsed(strconv.Atoi))
	for _, c := range []struct {
		read       func(Value) string
		json, want string
	}{
		{number, ` 18446744073709551615 `, "18446744073709551615"},
		{number, `0`, "0"},
		{number, `18446744073709551616`, "error: invalid value: number `18446744073709551616`, expected u64"},
		{number, `-1`, "error: invalid value: number `-1`, expected u64"},
		{number, `9.0`, "error: invalid value: number `9.0`, expected u64"},
		{number, `1e2`, "error: invalid value: number `1e2`, expected u64"},
		{number, `"1"`, `error: invalid type: string "1", expected u64`},
		{number, `null`, "error: invalid type: null, expected u64"},
		{number, `true`, "error: invalid type: boolean `true`, expected u64"},
		{number, `false`, "error: invalid type: boolean `false`, expected u64"},
		{number, `[]`, "error: invalid type: sequence, expected u64"},
		{number, `{}`, "error: invalid type: map, expected u64"},
		{small, `65535`, "65535"},
		{small, `65536`, "error: invalid value: number `65536`, expected u16"},
		{boolean, `true`, "true"},
		{boolean, `false`, "false"},
		{boolean, `1`, "error: invalid type: number `1`, expected a boolean"},
		{boolean, `null`, "error: invalid type: null, expected a boolean"},
		{text, `1`, "error: invalid type: number `1`, expected a string"},
		{text, `"\ud800"`, `error: lone surrogate in string "\ud800"`},
		{text, "\"\xff\"", "error: a string is not UTF-8"},
		{list, `[ 1 ,2, 3 ]`, "[1,2,3]"},
		{list, `[]`, "[]"},
		{list, `[1,null]`, "error: invalid type: null, expected u16"},
		{list, `{}`, "error: invalid type: map, expected a sequence"},
		{nullable, `null`, "null"},
		{nullable, `7`, "7"},
		{nullable, `""`, `error: invalid type: string "", expected u16`},
		{parsed, `"7"`, "7"},
		{parsed, `"x"`, `error: strconv.Atoi: parsing "x": invalid syntax`},
		{parsed, `7`, "error: invalid type: number `7`, expected a string"},
	} {
		v, err := Parse([]byte(c.json))
		if err != nil {
			t.Fatalf("%s: %v", c.json, err)
		}
		if got := c.read(v); got != c.want {
			t.Errorf("%s is read as %s, want %s", c.json, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", " ", "{", "1 2", "nul", "'a'", "01", "{\"a\":1,}", "\"\n\""} {
		if v, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is read as %s", text, v)
		}
		if err := Unmarshal([]byte(text), func(Value) error { return nil }); err == nil {
			t.Errorf("%q is unmarshalled", text)
		}
	}
	v, err := Parse([]byte("\t\r\n \"a\"\n"))
	if err != nil || string(v) != `"a"` || !v.IsText() || v.IsNull() {
		t.Errorf("value is %s, %v", v, err)
	}
	if v, _ = Parse([]byte(" null")); !v.IsNull() || v.IsText() {
		t.Errorf("value is %s", v)
	}
}

func TestFields(t *testing.T) {
	type record struct {
		A, B uint16
		C    *uint16
		D    bool
	}
	read := func(text string, how func(Value, ...Field) error) (r record, err error) {
		err = Unmarshal([]byte(text), func(v Value) error {
			b := Required("b", &r.B, Value.Uint16)
			b.Alias = "B"
			return how(v, Required("a", &r.A, Value.Uint16), b, Optional("c", &r.C, Value.Uint16), Defaulted("d", &r.D, Value.Bool))
		})
		return r, err
	}
	three := uint16(3)
	for _, c := range []struct {
		how  func(Value, ...Field) error
		text string
		want record
		err  string
	}{
		{Value.Fields, `{"a":1,"b":2}`, record{A: 1, B: 2}, ""},
		{Value.Fields, `{"B":2,"x":[],"a":1,"c":3,"d":true,"x":{}}`, record{1, 2, &three, true}, ""},
		{Value.Fields, `{"a":1,"b":2,"c":null}`, record{A: 1, B: 2}, ""},
		{Value.Fields, `{"a":1}`, record{}, "missing field `b`"},
		{Value.Fields, `{"b":1}`, record{}, "missing field `a`"},
		{Value.Fields, `{"a":1,"b":2,"B":2}`, record{}, "duplicate field `b`"},
		{Value.Fields, `{"a":1,"b":2,"":3,"a":1}`, record{}, "duplicate field `a`"},
		{Value.Fields, `{"a":1,"b":2,"d":null}`, record{}, "d: invalid type: null, expected a boolean"},
		{Value.Fields, `{"a":null,"b":2}`, record{}, "a: invalid type: null, expected u16"},
		{Value.Fields, `{"a":1,"b":2,"c":""}`, record{}, `c: invalid type: string "", expected u16`},
		{Value.Fields, `[1,2,3,true]`, record{}, "invalid type: sequence, expected a map"},
		{Value.OnlyFields, `{"a":1,"B":2}`, record{A: 1, B: 2}, ""},
		{Value.OnlyFields, `{"a":1,"b":2,"x":3}`, record{}, "unknown field `x`, expected one of `a`, `b`, `c`, `d`"},
		{Value.Struct, `{"a":1,"b":2,"x":3}`, record{A: 1, B: 2}, ""},
		{Value.Struct, ` [1, 2,3 ,true ] `, record{1, 2, &three, true}, ""},
		{Value.Struct, `[1,2,null,false]`, record{A: 1, B: 2}, ""},
		{Value.Struct, `[1,2,3]`, record{}, "array has 3 elements, want 4"},
		{Value.Struct, `[1,2,3,true,5]`, record{}, "array has more than 4 elements"},
		{Value.Struct, `[1,"",3,true]`, record{}, `b: invalid type: string "", expected u16`},
		{Value.Struct, `"a"`, record{}, `invalid type: string "a", expected a map`},
	} {
		got, err := read(c.text, c.how)
		switch {
		case c.err != "":
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: error %v, want %s", c.text, err, c.err)
			}
		case err != nil || !reflect.DeepEqual(got, c.want):
			t.Errorf("%s is read as %+v, error %v, want %+v", c.text, got, err, c.want)
		}
	}
}

// A reader that refuses ends the walk with its error.
func TestWalks(t *testing.T) {
	refuse := errors.New("refused")
	v, err := Parse([]byte(` { "a" : [ {"b":"}\"]"} , "]" ] , "a" : -1.5e3 , "\u0063":{} } `))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = v.Object(func(name string, v Value) error {
		got = append(got, name+"="+string(v))
		return nil
	})
	if want := []string{`a=[ {"b":"}\"]"} , "]" ]`, `a=-1.5e3`, `c={}`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("members are %q, %v, want %q", got, err, want)
	}
	n := 0
	if err := v.Object(func(string, Value) error { n++; return refuse }); err != refuse || n != 1 {
		t.Errorf("%d members, error %v", n, err)
	}
	n = 0
	if err := Value(`[1,2]`).List(func(Value) error { n++; return refuse }); err != refuse || n != 1 {
		t.Errorf("%d elements, error %v", n, err)
	}
}
