package api

import (
	"fmt"

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
type MissingContent struct{ Upload []UploadEndpoint }

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
	b = appendText(append(b, `{"packageName":`...), r.PackageName.String())
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
	return unmarshal(data, func(v value) error {
		return v.fields(
			required("packageName", &r.PackageName, value.packageName),
			required("record", &r.Record, value.envelope),
			defaulted("contentSources", &r.ContentSources, hashMapOf(listOf(value.contentSource))),
		)
	})
}

// AppendJSON implements [Body].
func (r PackageRecord) AppendJSON(b []byte) []byte {
	b = appendHash(append(b, `{"recordId":`...), r.RecordID)
	b = appendText(append(b, `,"state":`...), string(r.State))
	switch r.State {
	case StateSourcing:
		b = appendHashMap(append(b, `,"missingContent":`...), r.MissingContent, appendMissingContent)
	case StateRejected:
		b = appendText(append(b, `,"reason":`...), r.Reason)
	case StatePublished:
		b = appendUint(append(b, `,"registryIndex":`...), r.RegistryIndex)
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r PackageRecord) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

func appendMissingContent(b []byte, m MissingContent) []byte {
	b = appendList(append(b, `{"upload":`...), m.Upload, func(b []byte, e UploadEndpoint) []byte {
		b = appendText(append(b, `{"type":"http","method":`...), e.Method)
		b = appendText(append(b, `,"url":`...), e.URL)
		if len(e.Headers) > 0 {
			b = append(b, `,"headers":{`...)
			for i, h := range e.Headers {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendText(append(appendText(b, h.Name), ':'), h.Value)
			}
			b = append(b, '}')
		}
		return append(b, '}')
	})
	return append(b, '}')
}

// UnmarshalJSON reads what AppendJSON writes. Only members of the record's own
// state are looked at.
func (r *PackageRecord) UnmarshalJSON(data []byte) error {
	*r = PackageRecord{}
	return unmarshal(data, func(v value) error {
		var state string
		if err := v.fields(
			required("recordId", &r.RecordID, value.anyHash),
			required("state", &state, value.text),
		); err != nil {
			return err
		}
		r.State = RecordState(state)
		switch r.State {
		case StateSourcing:
			return v.fields(required("missingContent", &r.MissingContent, hashMapOf(value.missingContent)))
		case StateProcessing:
			return nil
		case StateRejected:
			return v.fields(required("reason", &r.Reason, value.text))
		case StatePublished:
			return v.fields(required("registryIndex", &r.RegistryIndex, value.uint64))
		}
		return fmt.Errorf("unknown variant `%s`, expected one of `sourcing`, `processing`, `rejected`, `published`", state)
	})
}

func (v value) missingContent() (m MissingContent, err error) {
	err = v.fields(required("upload", &m.Upload, listOf(value.uploadEndpoint)))
	return m, err
}

func (v value) uploadEndpoint() (e UploadEndpoint, err error) {
	err = v.fields(
		constant("type", "http"),
		required("method", &e.Method, value.text),
		required("url", &e.URL, value.text),
		defaulted("headers", &e.Headers, value.headers),
	)
	return e, err
}

// headers reads an object of texts; a name that comes twice keeps its first
// place and its last value.
func (v value) headers() (list []Header, err error) {
	err = v.object(func(name string, v value) error {
		text, err := v.text()
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
