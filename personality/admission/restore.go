package admission

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// OperatorLog returns the operator log after its published records, and those of some
// leaves that follow the newest checkpoint: as of a checkpoint of these leaves.
func (a *Admission) OperatorLog(tx *store.Tx, next []protocol.LogLeaf) (*protocol.OperatorLog, error) {
	return registry.OperatorLog(tx, next)
}

// Restore stores a record that Trillian's log has as accepted, unless it is here.
// Only the protocol's rules count: what was published was admitted once.
func (a *Admission) Restore(tx *store.Tx, leaf protocol.LogLeaf, name string, encoded []byte) error {
	envelope, err := protocol.UnmarshalEnvelopeProto(encoded)
	if err != nil {
		return err
	}
	if leaf.LogID == protocol.OperatorLogID() {
		return a.restoreOperatorRecord(tx, leaf.RecordID, envelope)
	}
	return a.restorePackageRecord(tx, leaf, name, envelope)
}

func (a *Admission) restoreOperatorRecord(tx *store.Tx, id protocol.Hash, envelope protocol.Envelope) error {
	record, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		return err
	}
	if record.ID != id {
		return fmt.Errorf("its envelope is that of record %s", record.ID)
	}
	row, log, err := a.loadOperatorLog(tx)
	if err != nil {
		return err
	}
	known, err := tx.RecordsWithIDs([]protocol.Hash{id})
	if err != nil {
		return err
	}
	for _, ref := range known {
		if ref.Log == row.ID {
			return nil
		}
	}
	return a.insertOperatorRecord(tx, row, log, record)
}

func (a *Admission) restorePackageRecord(tx *store.Tx, leaf protocol.LogLeaf, text string, envelope protocol.Envelope) error {
	name, err := protocol.ParsePackageName(text)
	if err != nil {
		return err
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return err
	}
	if name.LogID() != leaf.LogID || record.ID != leaf.RecordID {
		return fmt.Errorf("it comes with the package name %s and the envelope of record %s", name, record.ID)
	}
	s := &submission{name: name, record: record, envelope: envelope.MarshalProto(), restored: true}
	b, err := a.openBatch(tx, []*task{{ctx: context.Background(), logID: leaf.LogID, submission: s}})
	if err != nil {
		return err
	}
	if err := b.logs[leaf.LogID].submit(s); err != nil {
		return err
	}
	if s.refusal != nil {
		return s.refusal
	}
	if s.status.State == registry.Rejected {
		return fmt.Errorf("it was rejected here")
	}
	return b.write()
}
