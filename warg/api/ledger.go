package api

import (
	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PackedContentType is the content type of packed ledger records: for each
// record, in the order of the registry's log, the 32 bytes of its log id and the
// 32 bytes of its record id.
const PackedContentType = "application/vnd.warg.ledger.packed"

// PackedRecordSize is the size in bytes of one packed ledger record.
const PackedRecordSize = 2 * protocol.HashSize

const hashAlgorithm = "sha256"

// LedgerSourcesResponse says where the leaves of the registry's log can be
// fetched, in ascending order. The hash algorithm is always SHA-256 and the
// content type always [PackedContentType]: the reference knows no others.
type LedgerSourcesResponse struct{ Sources []LedgerSource }

// LedgerSource is where a range of leaves can be fetched, with HTTP GET.
type LedgerSource struct {
	First, Last  uint64 // registry indexes, both included
	URL          string // absolute, or relative to the registry's URL
	AcceptRanges bool   // the place serves Range requests
}

// AppendPackedRecord appends the packed form of one leaf.
func AppendPackedRecord(b []byte, leaf protocol.LogLeaf) []byte {
	return append(append(b, leaf.LogID[:]...), leaf.RecordID[:]...)
}

// AppendJSON implements [Body].
func (r LedgerSourcesResponse) AppendJSON(b []byte) []byte {
	b = append(b, `{"hashAlgorithm":"`+hashAlgorithm+`","sources":`...)
	b = appendList(b, r.Sources, func(b []byte, s LedgerSource) []byte {
		b = appendUint(append(b, `{"firstRegistryIndex":`...), s.First)
		b = appendUint(append(b, `,"lastRegistryIndex":`...), s.Last)
		b = serde.AppendText(append(b, `,"url":`...), s.URL)
		b = append(b, `,"contentType":"`+PackedContentType+`"`...)
		if s.AcceptRanges {
			b = append(b, `,"acceptRanges":true`...)
		}
		return append(b, '}')
	})
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r LedgerSourcesResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *LedgerSourcesResponse) UnmarshalJSON(data []byte) error {
	*r = LedgerSourcesResponse{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			constant("hashAlgorithm", hashAlgorithm),
			serde.Required("sources", &r.Sources, serde.ListOf(readLedgerSource)),
		)
	})
}

func readLedgerSource(v serde.Value) (s LedgerSource, err error) {
	err = v.Fields(
		serde.Required("firstRegistryIndex", &s.First, serde.Value.Uint64),
		serde.Required("lastRegistryIndex", &s.Last, serde.Value.Uint64),
		serde.Required("url", &s.URL, serde.Value.Text),
		constant("contentType", PackedContentType),
		serde.Defaulted("acceptRanges", &s.AcceptRanges, serde.Value.Bool),
	)
	return s, err
}
