package api

import "github.com/warg-trillian/warg-trillian/warg/internal/serde"

// ConsistencyRequest asks for a proof that the log of length To begins with the
// log of length From.
type ConsistencyRequest struct{ From, To uint64 }

// ConsistencyResponse has a log proof bundle (protobuf, warg.transparency).
type ConsistencyResponse struct{ Proof []byte }

// InclusionRequest asks for proofs that leaves are in the log of a checkpoint
// and, for each leaf, that its record is in the checkpoint's map.
type InclusionRequest struct {
	LogLength uint64
	Leafs     []uint64 // registry indexes
}

// InclusionResponse has a log proof bundle and a map proof bundle (protobuf,
// warg.transparency), both in the order of the requested leaves.
type InclusionResponse struct{ Log, Map []byte }

// AppendJSON implements [Body].
func (r ConsistencyRequest) AppendJSON(b []byte) []byte {
	b = appendUint(append(b, `{"from":`...), r.From)
	b = appendUint(append(b, `,"to":`...), r.To)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r ConsistencyRequest) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *ConsistencyRequest) UnmarshalJSON(data []byte) error {
	*r = ConsistencyRequest{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Required("from", &r.From, serde.Value.Uint64),
			serde.Required("to", &r.To, serde.Value.Uint64),
		)
	})
}

// AppendJSON implements [Body].
func (r ConsistencyResponse) AppendJSON(b []byte) []byte {
	return append(appendBase64(append(b, `{"proof":`...), r.Proof), '}')
}

// MarshalJSON implements [Body].
func (r ConsistencyResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *ConsistencyResponse) UnmarshalJSON(data []byte) error {
	*r = ConsistencyResponse{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(serde.Required("proof", &r.Proof, readBase64))
	})
}

// AppendJSON implements [Body].
func (r InclusionRequest) AppendJSON(b []byte) []byte {
	b = appendUint(append(b, `{"logLength":`...), r.LogLength)
	b = appendList(append(b, `,"leafs":`...), r.Leafs, appendUint)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r InclusionRequest) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *InclusionRequest) UnmarshalJSON(data []byte) error {
	*r = InclusionRequest{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Required("logLength", &r.LogLength, serde.Value.Uint64),
			serde.Required("leafs", &r.Leafs, serde.ListOf(serde.Value.Uint64)),
		)
	})
}

// AppendJSON implements [Body].
func (r InclusionResponse) AppendJSON(b []byte) []byte {
	b = appendBase64(append(b, `{"log":`...), r.Log)
	b = appendBase64(append(b, `,"map":`...), r.Map)
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r InclusionResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *InclusionResponse) UnmarshalJSON(data []byte) error {
	*r = InclusionResponse{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Required("log", &r.Log, readBase64),
			serde.Required("map", &r.Map, readBase64),
		)
	})
}
