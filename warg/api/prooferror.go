package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Variants of a [ProofError] besides [MessageVariant].
const (
	ProofCheckpointNotFound Variant = "CheckpointNotFound"    // has LogLength
	LeafNotFound            Variant = "LeafNotFound"          // has LeafIndex
	PackageLogNotIncluded   Variant = "PackageLogNotIncluded" // has LogID
	IncorrectProof          Variant = "IncorrectProof"        // has Root and Found
	BundleFailure           Variant = "BundleFailure"         // has Message
)

// ProofError is an error of the proof API.
type ProofError struct {
	Variant     Variant
	LogLength   uint64
	LeafIndex   uint64
	LogID       protocol.AnyHash
	Root, Found protocol.AnyHash // the root that was given, the one that was found
	Code        uint16           // HTTP status of a message
	Message     string
}

func (e *ProofError) Error() string {
	switch e.Variant {
	case ProofCheckpointNotFound:
		return fmt.Sprintf("checkpoint not found for log length %d", e.LogLength)
	case LeafNotFound:
		return fmt.Sprintf("log leaf `%d` not found", e.LeafIndex)
	case PackageLogNotIncluded:
		return fmt.Sprintf("failed to prove inclusion of package log `%s`", e.LogID)
	case IncorrectProof:
		return fmt.Sprintf("failed to prove inclusion: found root `%s` but was given root `%s`", e.Found, e.Root)
	case BundleFailure:
		return "failed to bundle proofs: " + e.Message
	}
	return e.Message
}

// Status implements [Error].
func (e *ProofError) Status() int {
	switch e.Variant {
	case ProofCheckpointNotFound, LeafNotFound:
		return 404
	case PackageLogNotIncluded, IncorrectProof, BundleFailure:
		return 422
	}
	return int(e.Code)
}

// AppendJSON implements [Body].
func (e *ProofError) AppendJSON(b []byte) []byte {
	switch e.Variant {
	case ProofCheckpointNotFound:
		return appendEntity(b, 404, "logLength", numberID(e.LogLength))
	case LeafNotFound:
		return appendEntity(b, 404, "leaf", numberID(e.LeafIndex))
	case PackageLogNotIncluded: // log_id, not logId, in the reference
		b = appendHash(append(b, `{"status":422,"reason":"packageNotIncluded","log_id":`...), e.LogID)
		return append(b, '}')
	case IncorrectProof:
		b = appendHash(append(b, `{"status":422,"reason":"incorrectProof","root":`...), e.Root)
		b = appendHash(append(b, `,"found":`...), e.Found)
		return append(b, '}')
	case BundleFailure:
		b = serde.AppendText(append(b, `{"status":422,"reason":"failure","message":`...), e.Message)
		return append(b, '}')
	}
	return appendMessage(b, e.Code, e.Message)
}

// MarshalJSON implements [Body].
func (e *ProofError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes, as an official client does.
func (e *ProofError) UnmarshalJSON(data []byte) error {
	*e = ProofError{}
	body, err := readErrorBody(data, "proof")
	if err != nil {
		return err
	}
	entity, known := body.entity("logLength", "leaf")
	if id, ok := body.number("id"); ok && known && body.hasStatus(404) {
		if entity == "leaf" {
			e.Variant, e.LeafIndex = LeafNotFound, id
		} else {
			e.Variant, e.LogLength = ProofCheckpointNotFound, id
		}
		return nil
	}
	if body.hasStatus(422) && e.readBundleError(body) {
		return nil
	}
	e.Variant = MessageVariant
	e.Code, e.Message, err = body.message()
	return err
}

// readBundleError reads the forms that have a reason, if one fits.
func (e *ProofError) readBundleError(body errorBody) bool {
	reason, _ := body.string("reason")
	switch reason {
	case "packageNotIncluded":
		logID, ok := body.hash("log_id")
		if ok {
			e.Variant, e.LogID = PackageLogNotIncluded, logID
		}
		return ok
	case "incorrectProof":
		root, ok := body.hash("root")
		found, alsoOK := body.hash("found")
		if ok && alsoOK {
			e.Variant, e.Root, e.Found = IncorrectProof, root, found
		}
		return ok && alsoOK
	case "failure":
		message, ok := body.string("message")
		if ok {
			e.Variant, e.Message = BundleFailure, message
		}
		return ok
	}
	return false
}
