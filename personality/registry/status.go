package registry

import (
	"errors"
	"fmt"
	"slices"

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

// StatusOf returns where a record stands.
func StatusOf(tx *store.Tx, record store.Record) (RecordStatus, error) {
	status := RecordStatus{RecordID: record.RecordID, Reason: record.Reason}
	switch record.State {
	case store.Waiting:
		var err error
		if status.Missing, err = tx.Missing(record.ID); err != nil {
			return status, err
		}
		if err := status.setFetches(tx, record); err != nil {
			return status, err
		}
		status.State = Processing // it follows one that waits, perhaps
		if len(status.Missing) > 0 {
			status.State = Sourcing
		}
	case store.Processing:
		status.State = Processing
	case store.Published:
		if record.RegistryIndex == nil {
			return status, fmt.Errorf("record %s is stored as published and has no leaf index", record.RecordID)
		}
		status.State, status.RegistryIndex = Published, *record.RegistryIndex
	case store.Rejected:
		status.State = Rejected
	default:
		return status, fmt.Errorf("record %s is stored with state %d, which this program does not know", record.RecordID, record.State)
	}
	return status, nil
}

// setFetches takes what is being fetched from what is missing: nobody needs to send it.
func (s *RecordStatus) setFetches(tx *store.Tx, record store.Record) error {
	if len(s.Missing) == 0 {
		return nil
	}
	reasons, err := tx.FetchesOf(record.ID)
	if err != nil || len(reasons) == 0 {
		return err
	}
	s.Failures = map[protocol.Hash]string{}
	s.Missing = slices.DeleteFunc(s.Missing, func(digest protocol.Hash) bool {
		reason, known := reasons[digest]
		if reason != "" {
			s.Failures[digest] = reason
		}
		return known && reason == ""
	})
	return nil
}
