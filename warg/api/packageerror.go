package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Variants of a [PackageError] besides [MessageVariant].
const (
	PackageLogNotFound     Variant = "LogNotFound"            // has LogID
	RecordNotFound         Variant = "RecordNotFound"         // has RecordID
	RecordNotSourcing      Variant = "RecordNotSourcing"      // content is not wanted
	NamespaceNotDefined    Variant = "NamespaceNotDefined"    // has Namespace
	NamespaceImported      Variant = "NamespaceImported"      // has Namespace
	Unauthorized           Variant = "Unauthorized"           // has Message
	NotSupported           Variant = "NotSupported"           // has Message
	ConflictPendingPublish Variant = "ConflictPendingPublish" // has RecordID
	Rejection              Variant = "Rejection"              // has Message
)

// PackageError is an error of the package API.
//
// A client takes a message with status 401, 405, 422 or 501 for the variant
// that has this status.
type PackageError struct {
	Variant         Variant
	LogID, RecordID protocol.AnyHash
	Namespace       string
	Code            uint16 // HTTP status of a message
	Message         string
}

func (e *PackageError) Error() string {
	switch e.Variant {
	case PackageLogNotFound:
		return fmt.Sprintf("log `%s` was not found", e.LogID)
	case RecordNotFound:
		return fmt.Sprintf("record `%s` was not found", e.RecordID)
	case RecordNotSourcing:
		return "the record is not currently sourcing content"
	case NamespaceNotDefined:
		return fmt.Sprintf("namespace `%s` is not defined on the registry", e.Namespace)
	case NamespaceImported:
		return fmt.Sprintf("namespace `%s` is an imported namespace from another registry", e.Namespace)
	case Unauthorized:
		return "unauthorized operation: " + e.Message
	case NotSupported:
		return "the requested operation is not supported: " + e.Message
	case ConflictPendingPublish:
		return fmt.Sprintf("the package conflicts with pending publish of record `%s`", e.RecordID)
	case Rejection:
		return "the package was rejected by the registry: " + e.Message
	}
	return e.Message
}

// Status implements [Error].
func (e *PackageError) Status() int {
	switch e.Variant {
	case Unauthorized:
		return 401
	case PackageLogNotFound, RecordNotFound, NamespaceNotDefined:
		return 404
	case RecordNotSourcing:
		return 405
	case NamespaceImported, ConflictPendingPublish:
		return 409
	case Rejection:
		return 422
	case NotSupported:
		return 501
	}
	return int(e.Code)
}

// AppendJSON implements [Body].
func (e *PackageError) AppendJSON(b []byte) []byte {
	status := e.Status()
	switch e.Variant {
	case PackageLogNotFound:
		return appendEntity(b, status, "log", hashID(e.LogID))
	case RecordNotFound, ConflictPendingPublish:
		return appendEntity(b, status, "record", hashID(e.RecordID))
	case NamespaceNotDefined:
		return appendEntity(b, status, "namespace", textID(e.Namespace))
	case NamespaceImported:
		return appendEntity(b, status, "namespaceImport", textID(e.Namespace))
	case RecordNotSourcing:
		return append(appendUint(append(b, `{"status":`...), uint64(status)), '}')
	}
	return appendMessage(b, uint16(status), e.Message)
}

// MarshalJSON implements [Body].
func (e *PackageError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes, as an official client does.
func (e *PackageError) UnmarshalJSON(data []byte) error {
	*e = PackageError{}
	body, err := readErrorBody(data, "package")
	if err != nil {
		return err
	}
	entity, known := body.entity("log", "record", "namespace", "namespaceImport", "name")
	id, hasID := body.string("id")
	message, hasMessage := body.string("message")
	switch {
	case body.hasStatus(401) && hasMessage:
		e.Variant, e.Message = Unauthorized, message
	case body.hasStatus(404) && known && hasID:
		return e.readNotFound(body, entity, id)
	case body.hasStatus(409) && known && hasID:
		return e.readConflict(body, entity, id)
	case body.hasStatus(405):
		e.Variant = RecordNotSourcing
	case body.hasStatus(422) && hasMessage:
		e.Variant, e.Message = Rejection, message
	case body.hasStatus(501) && hasMessage:
		e.Variant, e.Message = NotSupported, message
	default:
		e.Variant = MessageVariant
		e.Code, e.Message, err = body.message()
	}
	return err
}

func (e *PackageError) readNotFound(body errorBody, entity, id string) (err error) {
	switch entity {
	case "log":
		e.Variant = PackageLogNotFound
		if e.LogID, err = protocol.ParseAnyHash(id); err != nil {
			return body.invalid("id", "a log id")
		}
	case "record":
		e.Variant = RecordNotFound
		if e.RecordID, err = protocol.ParseAnyHash(id); err != nil {
			return body.invalid("id", "a record id")
		}
	case "namespace":
		e.Variant, e.Namespace = NamespaceNotDefined, id
	default:
		return body.invalid("type", "log, record or namespace")
	}
	return nil
}

func (e *PackageError) readConflict(body errorBody, entity, id string) (err error) {
	switch entity {
	case "namespaceImport":
		e.Variant, e.Namespace = NamespaceImported, id
	case "record":
		e.Variant = ConflictPendingPublish
		if e.RecordID, err = protocol.ParseAnyHash(id); err != nil {
			return body.invalid("id", "a record id")
		}
	default:
		return body.invalid("type", "namespaceImport or record")
	}
	return nil
}
