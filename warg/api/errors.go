package api

import (
	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Error is an error body of one of the APIs.
type Error interface {
	error
	Body
	// Status is the HTTP status that goes with the body.
	Status() int
}

// Variant is the kind of an error: what an official client tells apart.
type Variant string

// MessageVariant, in every API, is an error with only a text.
const MessageVariant Variant = "Message"

// MessageError is an error with only a text. Every API reads it as its own,
// so it also serves for errors that are met before it is known which one is
// asked.
type MessageError struct {
	Code    uint16 // HTTP status
	Message string
}

// The ledger and the checkpoint verification API know no other errors.
type (
	LedgerError  = MessageError
	MonitorError = MessageError
)

func (e *MessageError) Error() string { return e.Message }

// Status implements [Error].
func (e *MessageError) Status() int { return int(e.Code) }

// AppendJSON implements [Body].
func (e *MessageError) AppendJSON(b []byte) []byte { return appendMessage(b, e.Code, e.Message) }

// MarshalJSON implements [Body].
func (e *MessageError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (e *MessageError) UnmarshalJSON(data []byte) error {
	body, err := readErrorBody(data, "ledger or monitor")
	if err != nil {
		return err
	}
	e.Code, e.Message, err = body.message()
	return err
}

// appendMessage appends an error body that has only a text.
func appendMessage(b []byte, status uint16, message string) []byte {
	b = appendUint(append(b, `{"status":`...), uint64(status))
	b = serde.AppendText(append(b, `,"message":`...), message)
	return append(b, '}')
}

// appendEntity appends an error body about an entity of the given type.
func appendEntity(b []byte, status int, entity string, id func([]byte) []byte) []byte {
	b = appendUint(append(b, `{"status":`...), uint64(status))
	b = serde.AppendText(append(b, `,"type":`...), entity)
	b = id(append(b, `,"id":`...))
	return append(b, '}')
}

func textID(s string) func([]byte) []byte {
	return func(b []byte) []byte { return serde.AppendText(b, s) }
}

func hashID(h protocol.AnyHash) func([]byte) []byte { return textID(string(h)) }

func numberID(n uint64) func([]byte) []byte {
	return func(b []byte) []byte { return appendUint(b, n) }
}
