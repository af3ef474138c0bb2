package registry

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The parts that a registry stands on, as [UnavailableError] names them.
const (
	PartDatabase = "the database"
	PartTrillian = "Trillian"
	PartContents = "the content store"
)

// DatabaseError makes an *[UnavailableError] or *[StorageFullError] of an error
// of the store that means that the database cannot be used now. Others, and nil,
// are returned as they are.
func DatabaseError(err error) error {
	if _, known := errors.AsType[*UnavailableError](err); known {
		return err // of another part
	}
	if _, known := errors.AsType[*StorageFullError](err); known {
		return err
	}
	reason, unavailable := store.Unavailable(err)
	switch {
	case !unavailable:
		return err
	case reason == store.ReasonFull:
		return &StorageFullError{Part: PartDatabase, Err: err}
	}
	return &UnavailableError{Part: PartDatabase, Reason: reason, Err: err}
}

// ContentLostError: a record in its log names the content, so it was here, but
// the content store does not have it. Only the operator can bring it back.
type ContentLostError struct{ Digest protocol.Hash }

func (e *ContentLostError) Error() string {
	return fmt.Sprintf("content `%s` belongs to a published record and is missing from the content store of this registry; "+
		"`warg publish release` of the same file, or its operator from a backup, brings it back", e.Digest)
}
