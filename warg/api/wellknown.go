package api

import "github.com/warg-trillian/warg-trillian/warg/internal/serde"

// WellKnownConfig tells a client that knows only a domain where the registry
// is. A member that does not apply is nil and written as null.
type WellKnownConfig struct {
	OCIRegistry        *string // domain of an OCI registry
	OCINamespacePrefix *string // what to put before the namespace there
	WargURL            *string // URL of the warg registry's API
}

// AppendJSON implements [Body].
func (c WellKnownConfig) AppendJSON(b []byte) []byte {
	b = appendTextOrNull(append(b, `{"ociRegistry":`...), c.OCIRegistry)
	b = appendTextOrNull(append(b, `,"ociNamespacePrefix":`...), c.OCINamespacePrefix)
	b = appendTextOrNull(append(b, `,"wargUrl":`...), c.WargURL)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (c WellKnownConfig) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (c *WellKnownConfig) UnmarshalJSON(data []byte) error {
	*c = WellKnownConfig{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Optional("ociRegistry", &c.OCIRegistry, serde.Value.Text),
			serde.Optional("ociNamespacePrefix", &c.OCINamespacePrefix, serde.Value.Text),
			serde.Optional("wargUrl", &c.WargURL, serde.Value.Text),
		)
	})
}
