package registry

import (
	"errors"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// FindRecord returns a record, or a *[LogNotFoundError] or
// *[RecordNotFoundError].
func FindRecord(tx *store.Tx, logID, recordID protocol.Hash) (store.Record, error) {
	log, err := tx.Log(logID)
	if errors.Is(err, store.ErrNotFound) {
		return store.Record{}, &LogNotFoundError{logID}
	}
	if err != nil {
		return store.Record{}, err
	}
	record, err := tx.Record(log.ID, recordID)
	if errors.Is(err, store.ErrNotFound) {
		err = &RecordNotFoundError{recordID}
	}
	return record, err
}

func StatusOf(tx *store.Tx, record store.Record) (RecordStatus, error) {
	status := RecordStatus{RecordID: record.RecordID, State: State(record.State), Reason: record.Reason}
	var err error
	switch record.State {
	case store.Sourcing:
		status.Missing, err = tx.Missing(record.ID)
	case store.Published:
		status.RegistryIndex = *record.RegistryIndex
	}
	return status, err
}
