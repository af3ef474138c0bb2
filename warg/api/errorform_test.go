package api_test

import (
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// An error body whose members do not all fit the form of its status is none of
// that form: it is a message, or damaged.
func TestErrorBodiesOfTwoForms(t *testing.T) {
	hash := protocol.HashOf([]byte("x")).String()
	for _, c := range []struct {
		body string
		want api.Variant // empty: it is refused
	}{
		{`{"status":401,"message":"m"}`, api.Unauthorized},
		{`{"status":401,"type":"log","id":"` + hash + `","message":"m"}`, api.Unauthorized},
		{`{"status":401}`, ""},
		{`{"status":404,"type":"log","id":"` + hash + `"}`, api.PackageLogNotFound},
		{`{"status":404,"type":"log","message":"m"}`, api.MessageVariant},
		{`{"status":404,"id":"` + hash + `","message":"m"}`, api.MessageVariant},
		{`{"status":409,"type":"record","id":"` + hash + `"}`, api.ConflictPendingPublish},
		{`{"status":409,"type":"record","message":"m"}`, api.MessageVariant},
		{`{"status":409,"id":"` + hash + `","message":"m"}`, api.MessageVariant},
		{`{"status":422,"message":"m"}`, api.Rejection},
		{`{"status":422}`, ""},
		{`{"status":501,"message":"m"}`, api.NotSupported},
		{`{"status":501}`, ""},
		{`{"status":500,"message":"m"}`, api.MessageVariant},
	} {
		var e api.PackageError
		if err := e.UnmarshalJSON([]byte(c.body)); (err == nil) != (c.want != "") || e.Variant != c.want && err == nil {
			t.Errorf("%s: variant %q, error %v; want %q", c.body, e.Variant, err, c.want)
		}
	}
	for body, want := range map[string]api.Variant{
		`{"status":422,"reason":"incorrectProof","root":"` + hash + `","found":"` + hash + `"}`:               api.IncorrectProof,
		`{"status":422,"reason":"incorrectProof","root":"` + hash + `","message":"m"}`:                        api.MessageVariant,
		`{"status":422,"reason":"incorrectProof","found":"` + hash + `","message":"m"}`:                       api.MessageVariant,
		`{"status":422,"reason":"incorrectProof","root":"` + hash + `","found":"not a hash","message":"m"}`:   api.MessageVariant,
		`{"status":422,"reason":"failure","message":"m"}`:                                                     api.BundleFailure,
		`{"status":422,"reason":"packageNotIncluded","log_id":"` + strings.ToUpper(hash) + `","message":"m"}`: api.MessageVariant,
	} {
		var e api.ProofError
		if err := e.UnmarshalJSON([]byte(body)); err != nil || e.Variant != want {
			t.Errorf("%s: variant %q, error %v; want %q", body, e.Variant, err, want)
		}
	}
	if api.PackedRecordSize != len(api.AppendPackedRecord(nil, protocol.LogLeaf{})) {
		t.Errorf("a packed record has %d bytes", len(api.AppendPackedRecord(nil, protocol.LogLeaf{})))
	}
}
