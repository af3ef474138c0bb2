package discovery

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestQueryTravels(t *testing.T) {
	q := Query{
		Search: "a & b", Namespace: "example", Package: "example:a", Imports: []string{"wasi:http/types@>=0.2.0, <0.3", "wasi:io/streams"},
		Exports: []string{"wasi:cli/run@^0.2"}, License: "MIT", Kind: KindWIT, Digest: "sha256:00", Signatures: []string{"sha256:aa", "sha256:bb"},
		Versions: ">=1, <2", PreRelease: true, Yanked: true, Withheld: true, Sort: SortNewest, Page: "x", Limit: 7,
	}
	for i := range reflect.TypeOf(q).NumField() {
		if reflect.ValueOf(q).Field(i).IsZero() {
			t.Errorf("%s is not tried", reflect.TypeOf(q).Field(i).Name)
		}
	}
	v, err := url.ParseQuery(q.Values().Encode())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseQuery(v)
	q.Imports[0] = "wasi:http/types@>=0.2.0,<0.3"
	if err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, q)
	}
}

func TestParseQuery(t *testing.T) {
	v, _ := url.ParseQuery("imports=a:b/c,d:e/f@1.0,<2,g:h/i&include=yanked,withheld&pre-release=0")
	q, err := ParseQuery(v)
	if want := []string{"a:b/c", "d:e/f@1.0,<2", "g:h/i"}; err != nil || !reflect.DeepEqual(q.Imports, want) || !q.Yanked || !q.Withheld || q.PreRelease {
		t.Errorf("%+v, %v", q, err)
	}
	for text, want := range map[string]string{
		"colour=red":        `no parameter "colour"`,
		"kind=a&kind=b":     "kind is given 2 times",
		"pre-release=maybe": "neither true nor false",
		"limit=0":           "not a number from 1 to 100",
		"limit=x":           "not a number from 1 to 100",
		"include=all":       "neither yanked nor withheld",
	} {
		v, _ := url.ParseQuery(text)
		if _, err := ParseQuery(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
