package api_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

func TestRegistryMetadata(t *testing.T) {
	for text, m := range map[string]api.RegistryMetadata{
		`{}`:                                   {},
		`{"preferredProtocol":"oci"}`:          {PreferredProtocol: "oci"},
		`{"warg":{}}`:                          {Warg: &api.WargMetadata{}},
		`{"warg":{"url":"https://a.example"}}`: {Warg: &api.WargMetadata{URL: "https://a.example"}},
		`{"oci":{"registry":"a.example","namespacePrefix":""}}`: {OCI: &api.OCIMetadata{Registry: "a.example"}},
		`{"preferredProtocol":"oci","oci":{"registry":"a\"b","namespacePrefix":"p/"},"warg":{"url":"u"}}`: {
			PreferredProtocol: "oci", OCI: &api.OCIMetadata{Registry: `a"b`, NamespacePrefix: "p/"}, Warg: &api.WargMetadata{URL: "u"},
		},
	} {
		written := string(m.AppendJSON([]byte("before")))
		equal(t, "written", written, "before"+text)
		var read api.RegistryMetadata
		if err := read.UnmarshalJSON([]byte(text)); err != nil || !reflect.DeepEqual(read, m) {
			t.Errorf("%s is read as %+v, %v", text, read, err)
		}
	}
	var read api.RegistryMetadata
	if err := read.UnmarshalJSON([]byte(`{"other":{"a":1},"oci":null,"warg":{"url":"u","more":[]}}`)); err != nil || read.OCI != nil || read.Warg.URL != "u" {
		t.Errorf("others are read as %+v, %v", read, err)
	}
	if err := read.UnmarshalJSON([]byte(`{"warg":{"url":1}}`)); err == nil {
		t.Error("a number is taken for a URL")
	}
}

// wkg 0.16 drops the whole document for a member that is neither an object nor the
// preferred protocol (crate wasm-pkg-common, RegistryMetadata).
func TestRegistryMetadataIsOfObjects(t *testing.T) {
	full := api.RegistryMetadata{PreferredProtocol: "oci", OCI: &api.OCIMetadata{}, Warg: &api.WargMetadata{}}
	for _, m := range []api.RegistryMetadata{{}, full, {Warg: &api.WargMetadata{URL: "u"}}} {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(m.AppendJSON(nil), &members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			if name != "preferredProtocol" && value[0] != '{' {
				t.Errorf("%s is %s", name, value)
			}
		}
	}
}
