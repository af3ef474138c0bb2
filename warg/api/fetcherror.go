package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Variants of a [FetchError] besides [MessageVariant].
const (
	FetchCheckpointNotFound Variant = "CheckpointNotFound" // has LogLength
	FetchLogNotFound        Variant = "LogNotFound"        // has LogID
	FetchTokenNotFound      Variant = "FetchTokenNotFound" // has FetchToken
)

// FetchError is an error of the fetch API.
type FetchError struct {
	Variant    Variant
	LogLength  uint64
	LogID      protocol.AnyHash
	FetchToken string
	Code       uint16 // HTTP status of a message
	Message    string
}

func (e *FetchError) Error() string {
	switch e.Variant {
	case FetchCheckpointNotFound:
		return fmt.Sprintf("checkpoint log length `%d` was not found", e.LogLength)
	case FetchLogNotFound:
		return fmt.Sprintf("log `%s` was not found", e.LogID)
	case FetchTokenNotFound:
		return fmt.Sprintf("fetch token `%s` was not found", e.FetchToken)
	}
	return e.Message
}

// Status implements [Error].
func (e *FetchError) Status() int {
	if e.Variant == MessageVariant {
		return int(e.Code)
	}
	return 404
}

// AppendJSON implements [Body].
func (e *FetchError) AppendJSON(b []byte) []byte {
	switch e.Variant {
	case FetchCheckpointNotFound:
		return appendEntity(b, 404, "logLength", numberID(e.LogLength))
	case FetchLogNotFound:
		return appendEntity(b, 404, "log", hashID(e.LogID))
	case FetchTokenNotFound:
		return appendEntity(b, 404, "fetchToken", textID(e.FetchToken))
	}
	return appendMessage(b, e.Code, e.Message)
}

// MarshalJSON implements [Body].
func (e *FetchError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes, as an official client does.
func (e *FetchError) UnmarshalJSON(data []byte) error {
	*e = FetchError{}
	body, err := readErrorBody(data, "fetch")
	if err != nil {
		return err
	}
	entity, known := body.entity("logLength", "log", "fetchToken")
	if known && body.hasStatus(404) {
		// A number means a length, whatever the type says.
		if n, ok := body.number("id"); ok {
			e.Variant, e.LogLength = FetchCheckpointNotFound, n
			return nil
		}
		if id, ok := body.string("id"); ok {
			return e.readNotFound(body, entity, id)
		}
	}
	e.Variant = MessageVariant
	e.Code, e.Message, err = body.message()
	return err
}

func (e *FetchError) readNotFound(body errorBody, entity, id string) (err error) {
	switch entity {
	case "log":
		e.Variant = FetchLogNotFound
		if e.LogID, err = protocol.ParseAnyHash(id); err != nil {
			return body.invalid("id", "a log id")
		}
	case "fetchToken":
		e.Variant, e.FetchToken = FetchTokenNotFound, id
	default:
		return body.invalid("id", "a log length")
	}
	return nil
}
