package api

import (
	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PublishedRecord is a published record inside a [FetchLogsResponse].
type PublishedRecord struct {
	Envelope      protocol.Envelope
	RegistryIndex uint64 // leaf index in the registry's log
	FetchToken    string // asks for what follows this record
}

// FetchLogsRequest asks for records of the operator log and of package logs.
type FetchLogsRequest struct {
	LogLength uint64           // length of a checkpoint; what is beyond is left out
	Limit     *uint16          // records per log; nil: the server's default
	Operator  *string          // fetch token of the last operator record known
	Packages  HashMap[*string] // by log id: fetch token of the last record known
}

// FetchLogsResponse has records, each log's oldest first.
type FetchLogsResponse struct {
	More     bool // ask again from the last fetch tokens
	Operator []PublishedRecord
	Packages HashMap[[]PublishedRecord] // by log id
	Warnings []FetchWarning
}

// FetchWarning is a remark of the server for the user.
type FetchWarning struct{ Message string }

// FetchPackageNamesRequest asks for the package names of logs.
type FetchPackageNamesRequest struct{ Packages []protocol.AnyHash }

// FetchPackageNamesResponse has package names by log id, nil where the server
// does not know or tell. Ask again for logs that are not in it.
type FetchPackageNamesResponse struct {
	Packages HashMap[*protocol.PackageName]
}

// AppendJSON implements [Body].
func (r PublishedRecord) AppendJSON(b []byte) []byte {
	b = appendEnvelopeMembers(append(b, '{'), r.Envelope)
	b = appendUint(append(b, `,"registryIndex":`...), r.RegistryIndex)
	b = serde.AppendText(append(b, `,"fetchToken":`...), r.FetchToken)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r PublishedRecord) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

func readPublishedRecord(v serde.Value) (r PublishedRecord, err error) {
	err = v.Fields(
		serde.Required("registryIndex", &r.RegistryIndex, serde.Value.Uint64),
		serde.Required("fetchToken", &r.FetchToken, serde.Value.Text),
	)
	if err != nil {
		return r, err
	}
	r.Envelope, err = readEnvelope(v)
	return r, err
}

// UnmarshalJSON reads what AppendJSON writes.
func (r *PublishedRecord) UnmarshalJSON(data []byte) error {
	return unmarshal(data, func(v serde.Value) (err error) {
		*r, err = readPublishedRecord(v)
		return err
	})
}

// AppendJSON implements [Body].
func (r FetchLogsRequest) AppendJSON(b []byte) []byte {
	b = appendUint(append(b, `{"logLength":`...), r.LogLength)
	if r.Limit != nil {
		b = appendUint(append(b, `,"limit":`...), uint64(*r.Limit))
	}
	if r.Operator != nil {
		b = serde.AppendText(append(b, `,"operator":`...), *r.Operator)
	}
	if len(r.Packages) > 0 {
		b = appendHashMap(append(b, `,"packages":`...), r.Packages, appendTextOrNull)
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r FetchLogsRequest) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes. Unknown members are refused.
func (r *FetchLogsRequest) UnmarshalJSON(data []byte) error {
	*r = FetchLogsRequest{}
	return unmarshal(data, func(v serde.Value) error {
		return v.OnlyFields(
			serde.Required("logLength", &r.LogLength, serde.Value.Uint64),
			serde.Optional("limit", &r.Limit, serde.Value.Uint16),
			serde.Optional("operator", &r.Operator, serde.Value.Text),
			serde.Defaulted("packages", &r.Packages, hashMapOf(serde.Nullable(serde.Value.Text))),
		)
	})
}

// AppendJSON implements [Body].
func (r FetchLogsResponse) AppendJSON(b []byte) []byte {
	appendRecords := func(b []byte, records []PublishedRecord) []byte {
		return appendList(b, records, func(b []byte, r PublishedRecord) []byte { return r.AppendJSON(b) })
	}
	b = appendBool(append(b, `{"more":`...), r.More)
	if len(r.Operator) > 0 {
		b = appendRecords(append(b, `,"operator":`...), r.Operator)
	}
	if len(r.Packages) > 0 {
		b = appendHashMap(append(b, `,"packages":`...), r.Packages, appendRecords)
	}
	if len(r.Warnings) > 0 {
		b = appendList(append(b, `,"warnings":`...), r.Warnings, func(b []byte, w FetchWarning) []byte {
			return append(serde.AppendText(append(b, `{"message":`...), w.Message), '}')
		})
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r FetchLogsResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *FetchLogsResponse) UnmarshalJSON(data []byte) error {
	*r = FetchLogsResponse{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Defaulted("more", &r.More, serde.Value.Bool),
			serde.Defaulted("operator", &r.Operator, serde.ListOf(readPublishedRecord)),
			serde.Defaulted("packages", &r.Packages, hashMapOf(serde.ListOf(readPublishedRecord))),
			serde.Defaulted("warnings", &r.Warnings, serde.ListOf(readFetchWarning)),
		)
	})
}

func readFetchWarning(v serde.Value) (w FetchWarning, err error) {
	err = v.Fields(serde.Required("message", &w.Message, serde.Value.Text))
	return w, err
}

// AppendJSON implements [Body].
func (r FetchPackageNamesRequest) AppendJSON(b []byte) []byte {
	b = appendList(append(b, `{"packages":`...), r.Packages, appendHash)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r FetchPackageNamesRequest) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *FetchPackageNamesRequest) UnmarshalJSON(data []byte) error {
	*r = FetchPackageNamesRequest{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(serde.Required("packages", &r.Packages, serde.ListOf(readAnyHash)))
	})
}

// AppendJSON implements [Body].
func (r FetchPackageNamesResponse) AppendJSON(b []byte) []byte {
	b = appendHashMap(append(b, `{"packages":`...), r.Packages, func(b []byte, name *protocol.PackageName) []byte {
		if name == nil {
			return append(b, "null"...)
		}
		return serde.AppendText(b, name.String())
	})
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r FetchPackageNamesResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *FetchPackageNamesResponse) UnmarshalJSON(data []byte) error {
	*r = FetchPackageNamesResponse{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(serde.Required("packages", &r.Packages, hashMapOf(serde.Nullable(readPackageName))))
	})
}
