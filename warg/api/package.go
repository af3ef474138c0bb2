package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// PublishRecordRequest posts a signed record to a package log.
type PublishRecordRequest struct {
	PackageName protocol.PackageName
	Record      protocol.Envelope
	// ContentSources are places from where the registry should get the record's
	// content. A registry may refuse them.
	ContentSources HashMap[[]ContentSource]
}

// UploadEndpoint is where missing content may be sent.
type UploadEndpoint struct {
	Method  string // POST or PUT
	URL     string // absolute, or relative to the registry's URL
	Headers []Header
}

// Header is an HTTP header to send with an upload: authorization or
// content-type.
type Header struct{ Name, Value string }

// MissingContent says how one missing content can be provided.
type MissingContent struct {
	Upload []UploadEndpoint
	// Reason is why the registry could not fetch it from the sources that the record was
	// posted with; empty: it was not asked to. Only registries of this project say it.
	Reason string
}

// RecordState is where a record stands.
type RecordState string

// The states of a record.
const (
	StateSourcing   RecordState = "sourcing"   // content is missing
	StateProcessing RecordState = "processing" // not decided or not in a checkpoint yet
	StateRejected   RecordState = "rejected"   // will never be published
	StatePublished  RecordState = "published"  // in the log
)

// PackageRecord is what the registry says of a record.
type PackageRecord struct {
	RecordID       protocol.AnyHash
	State          RecordState
	MissingContent HashMap[MissingContent] // sourcing: by content digest
	Reason         string                  // rejected
	RegistryIndex  uint64                  // published: leaf index in the registry's log
}

// AppendJSON implements [Body].
func (r PublishRecordRequest) AppendJSON(b []byte) []byte {
	b = serde.AppendText(append(b, `{"packageName":`...), r.PackageName.String())
	b = appendEnvelopeMembers(append(b, `,"record":{`...), r.Record)
	b = append(b, '}')
	if len(r.ContentSources) > 0 {
		b = appendHashMap(append(b, `,"contentSources":`...), r.ContentSources, appendContentSources)
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r PublishRecordRequest) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes. The content of the record is not
// decoded.
func (r *PublishRecordRequest) UnmarshalJSON(data []byte) error {
	*r = PublishRecordRequest{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Required("packageName", &r.PackageName, readPackageName),
			serde.Required("record", &r.Record, readEnvelope),
			serde.Defaulted("contentSources", &r.ContentSources, hashMapOf(serde.ListOf(readContentSource))),
		)
	})
}

// AppendJSON implements [Body].
func (r PackageRecord) AppendJSON(b []byte) []byte {
	b = appendHash(append(b, `{"recordId":`...), r.RecordID)
	b = serde.AppendText(append(b, `,"state":`...), string(r.State))
	switch r.State {
	case StateSourcing:
		b = appendHashMap(append(b, `,"missingContent":`...), r.MissingContent, appendMissingContent)
	case StateRejected:
		b = serde.AppendText(append(b, `,"reason":`...), r.Reason)
	case StatePublished:
		b = appendUint(append(b, `,"registryIndex":`...), r.RegistryIndex)
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r PackageRecord) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

func appendMissingContent(b []byte, m MissingContent) []byte {
	b = appendList(append(b, `{"upload":`...), m.Upload, func(b []byte, e UploadEndpoint) []byte {
		b = serde.AppendText(append(b, `{"type":"http","method":`...), e.Method)
		b = serde.AppendText(append(b, `,"url":`...), e.URL)
		if len(e.Headers) > 0 {
			b = append(b, `,"headers":{`...)
			for i, h := range e.Headers {
				if i > 0 {
					b = append(b, ',')
				}
				b = serde.AppendText(append(serde.AppendText(b, h.Name), ':'), h.Value)
			}
			b = append(b, '}')
		}
		return append(b, '}')
	})
	if m.Reason != "" {
		b = serde.AppendText(append(b, `,"reason":`...), m.Reason)
	}
	return append(b, '}')
}

// UnmarshalJSON reads what AppendJSON writes. Only members of the record's own
// state are looked at.
func (r *PackageRecord) UnmarshalJSON(data []byte) error {
	*r = PackageRecord{}
	return unmarshal(data, func(v serde.Value) error {
		var state string
		if err := v.Fields(
			serde.Required("recordId", &r.RecordID, readAnyHash),
			serde.Required("state", &state, serde.Value.Text),
		); err != nil {
			return err
		}
		r.State = RecordState(state)
		switch r.State {
		case StateSourcing:
			return v.Fields(serde.Required("missingContent", &r.MissingContent, hashMapOf(readMissingContent)))
		case StateProcessing:
			return nil
		case StateRejected:
			return v.Fields(serde.Required("reason", &r.Reason, serde.Value.Text))
		case StatePublished:
			return v.Fields(serde.Required("registryIndex", &r.RegistryIndex, serde.Value.Uint64))
		}
		return fmt.Errorf("unknown variant `%s`, expected one of `sourcing`, `processing`, `rejected`, `published`", state)
	})
}

func readMissingContent(v serde.Value) (m MissingContent, err error) {
	err = v.Fields(
		serde.Required("upload", &m.Upload, serde.ListOf(readUploadEndpoint)),
		serde.Defaulted("reason", &m.Reason, serde.Value.Text),
	)
	return m, err
}

func readUploadEndpoint(v serde.Value) (e UploadEndpoint, err error) {
	err = v.Fields(
		constant("type", "http"),
		serde.Required("method", &e.Method, serde.Value.Text),
		serde.Required("url", &e.URL, serde.Value.Text),
		serde.Defaulted("headers", &e.Headers, readHeaders),
	)
	return e, err
}

// headers reads an object of texts; a name that comes twice keeps its first
// place and its last value.
func readHeaders(v serde.Value) (list []Header, err error) {
	err = v.Object(func(name string, v serde.Value) error {
		text, err := v.Text()
		for i := range list {
			if list[i].Name == name {
				list[i].Value = text
				return err
			}
		}
		list = append(list, Header{name, text})
		return err
	})
	return list, err
}
