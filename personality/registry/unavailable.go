package registry

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// The parts that a registry stands on, as [UnavailableError] names them.
const (
	PartDatabase = "database"
	PartTrillian = "Trillian"
	PartContents = "content store"
)

type (
	// UnavailableError: a part that the answer needs cannot be used now. It may
	// be asked again later. Reason is for clients: it says what is wrong, and
	// nothing of where the part is. What the part itself said is beside it, for
	// the log.
	UnavailableError struct{ Part, Reason string }
	// ContentLostError: a record that is published or waits names the content,
	// and it was here or was to come, but the content store does not have it.
	// Only the operator can bring it back.
	ContentLostError struct{ Digest protocol.Hash }
)

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the registry's %s is not available: %s; try again later", e.Part, e.Reason)
}

func (e *ContentLostError) Error() string {
	return fmt.Sprintf("content `%s` belongs to a record of this registry and is missing from its content store; its operator has to bring it back", e.Digest)
}

// DatabaseError adds an [UnavailableError] to an error of the store that means
// that the database cannot be used now. Others, and nil, are returned as they are.
func DatabaseError(err error) error {
	if reason, ok := store.Unavailable(err); ok {
		return fmt.Errorf("%w (%w)", &UnavailableError{Part: PartDatabase, Reason: reason}, err)
	}
	return err
}
