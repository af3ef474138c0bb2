package registry

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// OperatorLog is the operator log after its published records, and those of some leaves
// that follow the newest checkpoint. As a rule that is all of it, whose state is kept.
// Else its records, which are few, are read again.
func OperatorLog(tx *store.Tx, next []protocol.LogLeaf) (*protocol.OperatorLog, error) {
	operator := new(protocol.OperatorLog)
	row, err := tx.Log(protocol.OperatorLogID())
	if errors.Is(err, store.ErrNotFound) {
		return operator, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	if row.Length == 0 {
		return operator, nil
	}
	last, err := tx.RecordAt(row.ID, row.Length-1)
	if err != nil {
		return nil, fmt.Errorf("read the last record of the operator log: %w", err)
	}
	if last.State == store.Published || slices.Contains(next, operatorLeaf(last.RecordID)) {
		if err := operator.UnmarshalJSON(row.State); err != nil {
			return nil, fmt.Errorf("read the operator log's state: %w", err)
		}
		return operator, nil
	}
	records, _, err := tx.PublishedPage(row.ID, 0, math.MaxInt64, math.MaxInt32, math.MaxInt)
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	for _, record := range records {
		if err := validate(operator, record.RecordID, record.Envelope); err != nil {
			return nil, err
		}
	}
	pending, err := tx.PendingFrom(row.ID, uint64(len(records)), len(next))
	if err != nil {
		return nil, fmt.Errorf("read the operator log: %w", err)
	}
	for _, record := range pending {
		if !slices.Contains(next, record.Leaf) {
			break
		}
		if err := validate(operator, record.Leaf.RecordID, record.Envelope); err != nil {
			return nil, err
		}
	}
	return operator, nil
}

func operatorLeaf(id protocol.Hash) protocol.LogLeaf {
	return protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: id}
}

func validate(operator *protocol.OperatorLog, id protocol.Hash, encoded []byte) error {
	envelope, err := protocol.UnmarshalEnvelopeProto(encoded)
	if err == nil {
		var record *protocol.SignedOperatorRecord
		if record, err = protocol.ParseOperatorEnvelope(envelope); err == nil {
			err = operator.Validate(record)
		}
	}
	if err != nil {
		return fmt.Errorf("operator record %s: %w", id, err)
	}
	return nil
}
