package admission

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/policy"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// accept validates a record against its log and stores it. A refusal wrote
// nothing; err means that the transaction must be undone.
func (r *Admission) accept(tx *store.Tx, logID protocol.Hash, name protocol.PackageName, record *protocol.SignedPackageRecord, missing []protocol.Hash) (status registry.RecordStatus, refusal, err error) {
	row, err := tx.Log(logID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		row = store.Log{LogID: logID, Name: name.String()}
	case err != nil:
		return status, nil, err
	default:
		known, err := tx.Record(row.ID, record.ID)
		if err == nil {
			return acceptedBefore(tx, known)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return status, nil, err
		}
	}
	log, err := loadPackageLog(tx, row, record.Record)
	if err != nil {
		return status, nil, err
	}
	if refusal, err := validate(tx, row, log, record); refusal != nil || err != nil {
		return status, refusal, err
	}
	stored, err := r.insertPackageRecord(tx, row, log, record, missing)
	if err != nil {
		return status, nil, err
	}
	status = registry.RecordStatus{RecordID: record.ID, State: registry.State(stored.State), Missing: missing}
	return status, nil, nil
}

// acceptedBefore answers for a record that is posted again.
func acceptedBefore(tx *store.Tx, known store.Record) (registry.RecordStatus, error, error) {
	status, err := registry.StatusOf(tx, known)
	if err == nil && status.State == registry.Rejected {
		return registry.RecordStatus{}, &registry.RejectionError{Reason: status.Reason}, nil
	}
	return status, nil, err
}

// loadPackageLog returns the state of a log, with those of its releases that
// the record names: enough to validate it, at a cost that does not grow with
// the log.
func loadPackageLog(tx *store.Tx, row store.Log, record *protocol.PackageRecord) (*protocol.PackageLog, error) {
	log := new(protocol.PackageLog)
	if row.Length == 0 {
		return log, nil
	}
	if err := log.UnmarshalState(row.State); err != nil {
		return nil, fmt.Errorf("read the state of log %s: %w", row.LogID, err)
	}
	for _, entry := range record.Entries {
		if entry.Type != protocol.EntryRelease && entry.Type != protocol.EntryYank {
			continue
		}
		release, err := tx.Release(row.ID, entry.Version)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		known := protocol.Release{Version: entry.Version, Content: protocol.AnyHash(release.Content)}
		if release.Yanked != nil {
			known.Yank = new(protocol.Yank)
		}
		log.SetRelease(known)
	}
	return log, nil
}

// validate applies the protocol's rules and this registry's stricter ones to a
// record, and changes log to the state after it. Whose record it is comes first,
// as in the reference server: nobody else learns anything about it.
func validate(tx *store.Tx, row store.Log, log *protocol.PackageLog, record *protocol.SignedPackageRecord) (refusal, err error) {
	if refusal := checkSignature(log, record); refusal != nil {
		return refusal, nil
	}
	if pending, err := conflicting(tx, row, log, record.Record); pending != nil || err != nil {
		return pending, err
	}
	if err := policy.Admit(log, record); err != nil {
		refusal = policyError(err)
	}
	// What the protocol says comes first: its words are those that clients know.
	if err := log.Validate(record); err != nil {
		return &registry.RejectionError{Reason: err.Error()}, nil
	}
	return refusal, nil
}

// conflicting refuses a record that stands beside the newest one of its log
// while that is not published: its author may not have seen it.
func conflicting(tx *store.Tx, row store.Log, log *protocol.PackageLog, record *protocol.PackageRecord) (refusal, err error) {
	head, _, ok := log.Head()
	if !ok || record.Prev == head.Any() {
		return nil, nil
	}
	newest, err := tx.RecordAt(row.ID, row.Length-1)
	if err != nil {
		return nil, err
	}
	if newest.State == store.Published {
		return nil, nil // validation says what is wrong with it
	}
	return &registry.ConflictPendingPublishError{RecordID: newest.RecordID}, nil
}

// checkSignature refuses a record that is not signed by a key of its log, with
// the reference server's words.
func checkSignature(log *protocol.PackageLog, record *protocol.SignedPackageRecord) error {
	key, known := signingKey(log, record)
	if !known {
		return &registry.UnauthorizedError{Reason: fmt.Sprintf("unknown key id `%s`", record.Envelope.KeyID)}
	}
	if record.VerifySignature(key) != nil {
		return errWrongSignature
	}
	return nil
}

var errWrongSignature = &registry.UnauthorizedError{Reason: "record signature verification failed"}

// insertPackageRecord stores a valid record. log is the state after it.
func (r *Admission) insertPackageRecord(tx *store.Tx, row store.Log, log *protocol.PackageLog, record *protocol.SignedPackageRecord, missing []protocol.Hash) (store.Record, error) {
	state, err := log.MarshalState()
	if err != nil {
		return store.Record{}, err
	}
	return r.insertRecord(tx, row, state, acceptance{id: record.ID, envelope: record.Envelope, entries: record.Record.Entries, missing: missing})
}

// acceptance is a valid record on its way into the store.
type acceptance struct {
	id       protocol.Hash
	envelope protocol.Envelope
	entries  []protocol.PackageEntry
	missing  []protocol.Hash
}

// insertRecord stores a record as the newest of its log, and the log's state
// after it.
func (r *Admission) insertRecord(tx *store.Tx, row store.Log, state []byte, a acceptance) (store.Record, error) {
	position := row.Length
	record := store.Record{
		RecordID:   a.id,
		Position:   &position,
		State:      store.Processing,
		AcceptedAt: r.Now(),
		Envelope:   a.envelope.MarshalProto(),
	}
	if len(a.missing) > 0 {
		record.State = store.Sourcing
	}
	if position > 0 {
		record.StateBefore = row.State
	}
	row.Length, row.State = row.Length+1, state
	put := tx.UpdateLog
	if row.ID == 0 {
		put = func(store.Log) error { return tx.InsertLog(&row) }
	}
	if err := put(row); err != nil {
		return record, err
	}
	record.Log = row.ID
	if err := tx.InsertRecord(&record); err != nil {
		return record, err
	}
	for _, digest := range a.missing {
		if err := tx.AddMissing(record.ID, digest); err != nil {
			return record, err
		}
	}
	if err := insertReleases(tx, record, a.entries); err != nil {
		return record, err
	}
	return record, markIfReady(tx, record)
}

// insertReleases keeps what a record says about versions.
func insertReleases(tx *store.Tx, record store.Record, entries []protocol.PackageEntry) error {
	for _, entry := range entries {
		var err error
		switch entry.Type {
		case protocol.EntryRelease:
			err = tx.InsertRelease(record.Log, store.Release{Version: entry.Version, Content: string(entry.Content), Released: *record.Position})
		case protocol.EntryYank:
			err = tx.Yank(record.Log, entry.Version, *record.Position)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// markIfReady hands a complete record to the sequencer if the one before it in
// its log is published. If it is not, its integration does that.
func markIfReady(tx *store.Tx, record store.Record) error {
	if record.State != store.Processing {
		return nil
	}
	if *record.Position > 0 {
		before, err := tx.RecordAt(record.Log, *record.Position-1)
		if err != nil {
			return err
		}
		if before.State != store.Published {
			return nil
		}
	}
	return tx.MarkReady(record.ID)
}
