package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// OperatorRecord is a signed record of the operator.
type OperatorRecord struct {
	ID       protocol.Hash
	Envelope protocol.Envelope
}

// OperatorConflictError says that an operator record does not follow the newest one of the
// registry, which may not be published yet. Read the log again, and sign a new record.
type OperatorConflictError struct {
	Other protocol.AnyHash // the newest record
	Err   error            // what the registry said
}

func (e *OperatorConflictError) Error() string {
	return fmt.Sprintf("another record of the operator came first, %s: read the operator log again and sign a new record: %v", e.Other, e.Err)
}

// Unwrap returns Err.
func (e *OperatorConflictError) Unwrap() error { return e.Err }

// Sign has a key of the operator log sign a record with these entries, which take effect
// together, behind the log as it was read. now is the time of the record; that of the
// record before it is used if it is later.
//
// Errors: a [*protocol.ValidationError] if the record breaks a rule of the log, an import
// from what is no host ([protocol.CheckRegistryHost]), those of the signer.
func (o *Operator) Sign(key protocol.Signer, now protocol.Time, entries ...protocol.OperatorEntry) (*OperatorRecord, error) {
	for _, e := range entries {
		if e.Type != protocol.EntryImportNamespace {
			continue
		}
		if err := protocol.CheckRegistryHost(e.Registry); err != nil {
			return nil, fmt.Errorf("namespace %s can not be imported from %.80q: %w", e.Namespace, e.Registry, err)
		}
	}
	record := protocol.OperatorRecord{Time: now, Entries: entries}
	if head, before, ok := o.log.Head(); ok {
		record.Prev = head.Any()
		if record.Time.Compare(before) < 0 {
			record.Time = before
		}
	}
	next, err := o.copyLog()
	if err != nil {
		return nil, err
	}
	envelope, err := record.SignWith(key)
	if err != nil {
		return nil, fmt.Errorf("record of the operator: %w", err)
	}
	signed, err := protocol.ParseOperatorEnvelope(envelope)
	if err == nil {
		err = next.Validate(signed)
	}
	if err != nil {
		return nil, fmt.Errorf("record of the operator: %w", err)
	}
	return &OperatorRecord{ID: signed.ID, Envelope: envelope}, nil
}

func (o *Operator) copyLog() (*protocol.OperatorLog, error) {
	state, err := o.log.MarshalJSON()
	if err != nil {
		return nil, err
	}
	log := new(protocol.OperatorLog)
	return log, log.UnmarshalJSON(state)
}

// PostOperator posts a record of the operator to a registry of this project; the protocol's
// API has no such request. On return without error the registry has accepted it. It may be
// posted again.
//
// Errors: [*OperatorConflictError]; [*APIError] with an [*api.PackageError] for all else
// that the registry says.
func (c *Client) PostOperator(ctx context.Context, record *OperatorRecord) error {
	var status api.PackageRecord
	err := c.post(ctx, api.OperatorRecordsPath, api.PublishOperatorRequest{Record: record.Envelope}, &status, packageError)
	var refusal *api.PackageError
	if errors.As(err, &refusal) && refusal.Variant == api.ConflictPendingPublish {
		return &OperatorConflictError{Other: refusal.RecordID, Err: err}
	}
	if err == nil && status.RecordID != record.ID.Any() {
		return c.unproven(ClaimRecord, fmt.Errorf("the registry took record %s for record %s", record.ID, status.RecordID))
	}
	return err
}

// WaitOperator returns when a record of the operator is published and proved to be in the
// operator log, with that log.
func (c *Client) WaitOperator(ctx context.Context, record *OperatorRecord) (*Operator, error) {
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		var status api.PackageRecord
		if err := c.get(ctx, api.OperatorRecordPath(record.ID), &status, packageError); err != nil {
			return nil, err
		}
		switch {
		case status.RecordID != record.ID.Any():
			return nil, c.unproven(ClaimRecord, fmt.Errorf("the registry takes record %s for record %s", record.ID, status.RecordID))
		case status.State == api.StatePublished:
			return c.proveOperatorRecord(ctx, record, status.RegistryIndex)
		case status.State == api.StateRejected:
			return nil, fmt.Errorf("operator record %s was rejected: %s", record.ID, status.Reason)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("operator record %s is not published yet: %w", record.ID, err)
		}
	}
}

func (c *Client) proveOperatorRecord(ctx context.Context, record *OperatorRecord, index uint64) (*Operator, error) {
	records, operator, err := c.OperatorRecords(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.ID == record.ID && r.Index == index {
			return operator, nil
		}
	}
	return nil, c.unproven(ClaimRecord, fmt.Errorf("operator record %s is said to be published at index %d, but is not there in the operator log", record.ID, index))
}
