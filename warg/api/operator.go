package api

import (
	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PublishOperatorRequest posts a signed record to the operator log. The protocol's API has
// no such request: registries of this project have it. The answer is a [PackageRecord], and
// errors are those of the package API.
type PublishOperatorRequest struct{ Record protocol.Envelope }

// AppendJSON implements [Body].
func (r PublishOperatorRequest) AppendJSON(b []byte) []byte {
	return append(appendEnvelopeMembers(append(b, `{"record":{`...), r.Record), "}}"...)
}

// MarshalJSON implements [Body].
func (r PublishOperatorRequest) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes. The content of the record is not decoded.
func (r *PublishOperatorRequest) UnmarshalJSON(data []byte) error {
	*r = PublishOperatorRequest{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(serde.Required("record", &r.Record, readEnvelope))
	})
}
