package admission

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// CheckOperatorKey refuses to sign with a key that is not the operator's.
func (r *Admission) CheckOperatorKey(tx *store.Tx) error {
	log, err := r.operatorLog(tx)
	if err == nil && !log.HasPermission(r.operatorKeyID, protocol.PermissionCommit) {
		err = notTheOperatorsKey(r.operatorKeyID)
	}
	return err
}

// Restore stores the record of a leaf as accepted, unless it is here.
func (r *Admission) Restore(tx *store.Tx, leaf protocol.LogLeaf, name string, encoded []byte) error {
	envelope, err := protocol.UnmarshalEnvelopeProto(encoded)
	if err != nil {
		return err
	}
	row, err := tx.Log(leaf.LogID)
	if errors.Is(err, store.ErrNotFound) {
		row, err = store.Log{LogID: leaf.LogID, Name: name}, nil
	}
	if err != nil {
		return err
	}
	if row.ID != 0 {
		if _, err := tx.Record(row.ID, leaf.RecordID); !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if leaf.LogID == protocol.OperatorLogID() {
		return r.restoreOperatorRecord(tx, row, leaf.RecordID, envelope)
	}
	return r.restorePackageRecord(tx, row, leaf.RecordID, envelope)
}

func (r *Admission) restoreOperatorRecord(tx *store.Tx, row store.Log, id protocol.Hash, envelope protocol.Envelope) error {
	record, err := protocol.ParseOperatorEnvelope(envelope)
	if err != nil {
		return err
	}
	log := new(protocol.OperatorLog)
	if row.Length > 0 {
		if err := log.UnmarshalJSON(row.State); err != nil {
			return err
		}
	}
	if record.ID != id {
		return fmt.Errorf("its envelope is that of record %s", record.ID)
	}
	return r.insertOperatorRecord(tx, row, log, record)
}

func (r *Admission) restorePackageRecord(tx *store.Tx, row store.Log, id protocol.Hash, envelope protocol.Envelope) error {
	name, err := protocol.ParsePackageName(row.Name)
	if err != nil {
		return err
	}
	record, err := protocol.ParsePackageEnvelope(envelope)
	if err != nil {
		return err
	}
	if name.LogID() != row.LogID || record.ID != id {
		return fmt.Errorf("it comes with the package name %s and the envelope of record %s", name, record.ID)
	}
	log, err := loadPackageLog(tx, row, record.Record)
	if err != nil {
		return err
	}
	if err := log.Validate(record); err != nil {
		return err
	}
	_, err = r.insertPackageRecord(tx, row, log, record, nil)
	return err
}
