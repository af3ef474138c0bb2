package api

import "github.com/warg-trillian/warg-trillian/warg/internal/serde"

// RegistryMetadata is the well-known document of a registry in the form of the
// WebAssembly package tools (wasm-pkg-common, RegistryMetadata): an object for each
// protocol that the registry speaks. wkg 0.16 drops the whole document for any member
// that is not such an object, null included, except for preferredProtocol; so the
// members of [WellKnownConfig] are not in it. The official client, warg-cli 0.10, finds
// none of its own then, and stays with the URL that it has.
type RegistryMetadata struct {
	PreferredProtocol string        // "oci" or "warg"; empty: left out
	OCI               *OCIMetadata  // nil: the registry does not speak OCI; left out
	Warg              *WargMetadata // nil: left out
}

// OCIMetadata says where packages are in an OCI registry.
type OCIMetadata struct {
	Registry string // host, with its port if that is not the scheme's
	// NamespacePrefix is put before a package's namespace as it is: it ends with a slash,
	// or is empty.
	NamespacePrefix string
}

// WargMetadata says where the registry's API is.
type WargMetadata struct {
	URL string // empty: left out
}

// AppendJSON implements [Body].
func (m RegistryMetadata) AppendJSON(b []byte) []byte {
	between := byte('{')
	member := func(name string) {
		b = append(serde.AppendText(append(b, between), name), ':')
		between = ','
	}
	if m.PreferredProtocol != "" {
		member("preferredProtocol")
		b = serde.AppendText(b, m.PreferredProtocol)
	}
	if m.OCI != nil {
		member("oci")
		b = serde.AppendText(append(b, `{"registry":`...), m.OCI.Registry)
		b = serde.AppendText(append(b, `,"namespacePrefix":`...), m.OCI.NamespacePrefix)
		b = append(b, '}')
	}
	if m.Warg != nil {
		member("warg")
		b = append(b, '{')
		if m.Warg.URL != "" {
			b = serde.AppendText(append(b, `"url":`...), m.Warg.URL)
		}
		b = append(b, '}')
	}
	if between == '{' {
		b = append(b, between)
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (m RegistryMetadata) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes, and ignores other members.
func (m *RegistryMetadata) UnmarshalJSON(data []byte) error {
	*m = RegistryMetadata{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Defaulted("preferredProtocol", &m.PreferredProtocol, serde.Value.Text),
			serde.Optional("oci", &m.OCI, readOCIMetadata),
			serde.Optional("warg", &m.Warg, readWargMetadata),
		)
	})
}

func readOCIMetadata(v serde.Value) (m OCIMetadata, err error) {
	return m, v.Fields(
		serde.Defaulted("registry", &m.Registry, serde.Value.Text),
		serde.Defaulted("namespacePrefix", &m.NamespacePrefix, serde.Value.Text),
	)
}

func readWargMetadata(v serde.Value) (m WargMetadata, err error) {
	return m, v.Fields(serde.Defaulted("url", &m.URL, serde.Value.Text))
}
