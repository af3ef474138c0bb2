package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ContentDigestNotFound is the variant of a [ContentError] that has a Digest.
const ContentDigestNotFound Variant = "ContentDigestNotFound"

// ContentError is an error of the content API.
type ContentError struct {
	Variant Variant
	Digest  protocol.AnyHash
	Code    uint16 // HTTP status of a message
	Message string
}

func (e *ContentError) Error() string {
	if e.Variant == ContentDigestNotFound {
		return fmt.Sprintf("content digest `%s` was not found", e.Digest)
	}
	return e.Message
}

// Status implements [Error].
func (e *ContentError) Status() int {
	if e.Variant == ContentDigestNotFound {
		return 404
	}
	return int(e.Code)
}

// AppendJSON implements [Body].
func (e *ContentError) AppendJSON(b []byte) []byte {
	if e.Variant == ContentDigestNotFound {
		return appendEntity(b, 404, "contentDigest", hashID(e.Digest))
	}
	return appendMessage(b, e.Code, e.Message)
}

// MarshalJSON implements [Body].
func (e *ContentError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes, as an official client does.
func (e *ContentError) UnmarshalJSON(data []byte) error {
	*e = ContentError{}
	body, err := readErrorBody(data, "content")
	if err != nil {
		return err
	}
	_, known := body.entity("contentDigest")
	if id, ok := body.string("id"); ok && known && body.hasStatus(404) {
		e.Variant = ContentDigestNotFound
		if e.Digest, err = protocol.ParseAnyHash(id); err != nil {
			return body.invalid("id", "a digest")
		}
		return nil
	}
	e.Variant = MessageVariant
	e.Code, e.Message, err = body.message()
	return err
}
