package admission

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// CheckpointKey returns the key with an id, if the operator log as accepted lets it
// sign checkpoints.
func (a *Admission) CheckpointKey(tx *store.Tx, id protocol.KeyID) (protocol.PublicKey, error) {
	log, err := a.operatorLog(tx)
	if err != nil {
		return protocol.PublicKey{}, err
	}
	key, known := log.PublicKey(id)
	if !known || !log.HasPermission(id, protocol.PermissionCommit) {
		return protocol.PublicKey{}, notTheOperatorsKey(id)
	}
	return key, nil
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
