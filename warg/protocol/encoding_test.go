package protocol

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestLogLeaf(t *testing.T) {
	name, err := ParsePackageName("foo:bar")
	if err != nil {
		t.Fatal(err)
	}
	leaf := LogLeaf{LogID: name.LogID(), RecordID: PackageRecordID([]byte{1})}
	b := leaf.Encode()
	if len(b) != 160 {
		t.Errorf("leaf has %d bytes", len(b))
	}
	if back, err := ParseLogLeaf(b); err != nil || back != leaf {
		t.Errorf("read again: %v, %v", back, err)
	}
	equal(t, "leaf hash", leaf.Hash(), HashOf([]byte{0}, b))
	text := string(b)
	for _, bad := range []string{
		"", text[:159], text + "x", text[1:], strings.ToUpper(text), strings.Replace(text, "sha256", "sha512", 1),
		strings.Replace(text, "G", "\xc7\x00", 1), // a padded length
	} {
		if l, err := ParseLogLeaf([]byte(bad)); err == nil {
			t.Errorf("%q is accepted as %v", bad, l)
		}
	}
}

func TestMapHashes(t *testing.T) {
	id := OperatorLogID()
	equal(t, "map key", MapKey(id), HashOf(id[:]))
	record := HashOf([]byte("record"))
	equal(t, "map leaf", MapLeafHash(record), HashOf([]byte("\x00WARG-MAP-LEAF-V0\x47"+record.String())))
}

func TestNormalTime(t *testing.T) {
	for _, c := range []struct {
		seconds int64
		nanos   int32
		want    Time
		ok      bool
	}{
		{0, 0, Time{}, true},
		{5, 1_999_999_999, Time{6, 999_999_999}, true},
		{0, -1, Time{-1, 999_999_999}, true},
		{0, math.MinInt32, Time{-3, 852_516_352}, true},
		{math.MaxInt64, 1_000_000_000, Time{math.MaxInt64, 999_999_999}, true},
		{math.MaxInt64, -1, Time{math.MaxInt64 - 1, 999_999_999}, true},
		{math.MinInt64, 0, Time{}, false},
		{math.MinInt64, 1_000_000_000, Time{math.MinInt64 + 1, 0}, true},
		{math.MinInt64 + 1, -1_500_000_000, Time{}, false},
		{math.MinInt64 + 1, -1, Time{}, false},
	} {
		got, err := normalTime(c.seconds, c.nanos)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("normalTime(%d, %d) is %v, %v", c.seconds, c.nanos, got, err)
		}
	}
}

func TestTime(t *testing.T) {
	std := time.Date(1969, 12, 31, 23, 59, 59, 5, time.UTC)
	got := TimeOf(std)
	equal(t, "time", got, Time{Seconds: -1, Nanos: 5})
	equal(t, "Std", got.Std(), std)
	equal(t, "order", got.Compare(Time{Seconds: -1, Nanos: 6}), -1)
	equal(t, "order", got.Compare(Time{Seconds: -2, Nanos: 6}), 1)
	text, err := Time{Seconds: 7, Nanos: 5}.text()
	if err != nil || text != "7.5" {
		t.Errorf("text is %q, %v", text, err)
	}
	if back, err := parseTimeText(text); err != nil || back != (Time{Seconds: 7, Nanos: 5}) {
		t.Errorf("read again: %v, %v", back, err)
	}
	for _, bad := range []string{"", "7", "7.", ".5", "-7.5", "7.1000000000", "7.5.5", "7,5", "9223372036854775808.0"} {
		if got, err := parseTimeText(bad); err == nil {
			t.Errorf("%q is accepted as %v", bad, got)
		}
	}
}

func TestJSONStrings(t *testing.T) {
	for text, want := range map[string]string{
		"a<b>&\u2028é\x7f":     `"a<b>&` + "\u2028é\x7f" + `"`,
		"\b\t\n\v\f\r\x00\x1f": `"\b\t\n\u000b\f\r\u0000\u001f"`,
		`"\/`:                  `"\"\\/"`,
	} {
		got := appendJSONString(nil, text)
		equal(t, "JSON", string(got), want)
		back, err := jsonText(got)
		if err != nil || back != text {
			t.Errorf("read again: %q, %v", back, err)
		}
	}
	for _, value := range []string{"\"\xff\"", `"\ud800"`, `"\udc00"`, `"\ud800x"`, `"\ud800\u0041"`, `"\udc00\ud800"`, `"\ud800\ud800"`, `5`, `null`} {
		if !json.Valid([]byte(value)) {
			t.Fatal(value)
		}
		if got, err := jsonText([]byte(value)); err == nil {
			t.Errorf("%s is accepted as %q", value, got)
		}
	}
	if got, err := jsonText([]byte(`"\ud83d\ude00\u00e9\\ud800"`)); err != nil || got != `😀é\ud800` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestJSONMembersAreCaseSensitiveAndSingle(t *testing.T) {
	names := []string{"a", "b"}
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
		err := decodeJSONStruct([]byte(text), names, func(int, []byte) error { return nil })
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
