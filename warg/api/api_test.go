package api_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func indent(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, " ", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const hash = "sha256:acf749fe106880e2657636ba5e9e914ed8740532d39af494a1e2ed2f0592d359"

// What serde refuses or takes and the vectors do not have.
func TestReadIsStrict(t *testing.T) {
	cases := []struct {
		json string
		ok   bool
	}{
		{`{"logLength":1}`, true},
		{` { "logLength" : 1 } `, true},
		{`{"\u006cogLength":1}`, true},
		{`{"LogLength":1}`, false},
		{`{"logLength":1.0}`, false},
		{`{"logLength":1e1}`, false},
		{`{"logLength":-0}`, false},
		{`{"logLength":null}`, false},
		{`{"logLength":true}`, false},
		{`{"logLength":[1]}`, false},
		{`{"logLength":1,"limit":"1"}`, false},
		{`{"logLength":1,"limit":null,"limit":null}`, false},
		{`{"logLength":1,"operator":"\ud83d\ude00"}`, true},
		{`{"logLength":1,"operator":"\ud83d"}`, false},
		{`{"logLength":1,"operator":"\ude00\ud83d"}`, false},
		{`{"logLength":1,"operator":"\ud83dx"}`, false},
		{"{\"logLength\":1,\"operator\":\"\xff\"}", false},
		{`{"logLength":1,"packages":{"sha256:ab":null}}`, true},
		{`{"logLength":1,"packages":{"sha256:AB":null}}`, false},
		{`{"logLength":1,"packages":{"` + hash + `":["x"]}}`, false},
		{`{"logLength":1,"packages":[]}`, false},
		{`{"logLength":1}{}`, false},
		{`{"logLength":1,}`, false},
		{`null`, false},
		{`"logLength"`, false},
		{`1`, false},
		{``, false},
	}
	for _, c := range cases {
		var r api.FetchLogsRequest
		if err := r.UnmarshalJSON([]byte(c.json)); (err == nil) != c.ok {
			t.Errorf("%s: error %v, want accepted %v", c.json, err, c.ok)
		}
	}
}

func TestHashMapKeepsFirstPlaceAndLastValue(t *testing.T) {
	const other = "sha256:ab"
	var r api.FetchLogsRequest
	text := `{"logLength":1,"packages":{"` + hash + `":"a","` + other + `":null,"` + hash + `":"b"}}`
	if err := r.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	equal(t, "written", string(r.AppendJSON(nil)),
		`{"logLength":1,"packages":{"`+hash+`":"b","`+other+`":null}}`)
}

func TestBase64IsStrict(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "AA==": true, "AAA=": true, "AAAA": true,
		"AA": false, "AB==": false, "AA==\\n": false, "A_==": false, "AAAA====": false,
	} {
		var r api.ConsistencyResponse
		if err := r.UnmarshalJSON([]byte(`{"proof":"` + text + `"}`)); (err == nil) != ok {
			t.Errorf("%q: error %v, want accepted %v", text, err, ok)
		}
	}
}

func TestTextIsEscapedAsSerdeDoes(t *testing.T) {
	e := api.MessageError{Code: 400, Message: "\x00\x1f\b\f\n\r\t\"\\/<>&\x7f\u2028é😀\xff"}
	want := `{"status":400,"message":"\u0000\u001f\b\f\n\r\t\"\\/<>&` + "\x7f\u2028é😀\ufffd\"}"
	equal(t, "written", string(e.AppendJSON(nil)), want)
	var read api.MessageError
	if err := json.Unmarshal([]byte(want), &read); err != nil {
		t.Fatal(err)
	}
	equal(t, "read", read.Message, "\x00\x1f\b\f\n\r\t\"\\/<>&\x7f\u2028é😀\ufffd")
}

// FuzzRead: no text makes a reader panic, and what is read and written is read
// again as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"logLength":1,"limit":2,"operator":"\ud83d\ude00","packages":{"` + hash + `":null}}`))
	f.Add([]byte(`{"status":404,"type":"log","id":"` + hash + `","message":"m","reason":"failure"}`))
	f.Add([]byte(`{"recordId":"` + hash + `","state":"sourcing","missingContent":{"sha256:":{"upload":[]}}}`))
	f.Add([]byte(`{"contentSources":{"sha256:":[{"type":"httpGet","url":"u","size":1}]}}`))
	f.Add([]byte(` [ {"a":[1,-2.5e3,"\\\"",null]} , [] ] `))
	f.Fuzz(func(t *testing.T, text []byte) {
		bodies := func() []readBody {
			return []readBody{
				&api.FetchLogsRequest{}, &api.FetchLogsResponse{}, &api.FetchPackageNamesRequest{}, &api.PackageRecord{},
				&api.FetchPackageNamesResponse{}, &api.ContentSourcesResponse{}, &api.LedgerSourcesResponse{},
				&api.PublishRecordRequest{}, &api.InclusionRequest{}, &api.InclusionResponse{}, &api.WellKnownConfig{}, &api.RegistryMetadata{},
				&api.FetchError{}, &api.PackageError{}, &api.ContentError{}, &api.ProofError{}, &api.MessageError{},
			}
		}
		again := bodies()
		for i, body := range bodies() {
			if body.UnmarshalJSON(text) != nil {
				continue
			}
			if !json.Valid(text) {
				t.Fatalf("%T read %q, which is not JSON", body, text)
			}
			written := body.AppendJSON(nil)
			if err := again[i].UnmarshalJSON(written); err != nil {
				t.Fatalf("%T read %q, wrote %q and refuses that: %v", body, text, written, err)
			}
			if got := again[i].AppendJSON(nil); !bytes.Equal(got, written) {
				t.Fatalf("%T wrote %q, and %q after reading it", body, written, got)
			}
		}
	})
}
