package client

import (
	"context"
	"iter"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Operator is the operator log as a registry proved it. It does not change, and
// may be read by several goroutines.
type Operator struct {
	// Key is the key that the log begins with: what [Options.OperatorKey] pins.
	Key        protocol.PublicKey
	Checkpoint protocol.SignedCheckpoint // under which it was proved

	log *protocol.OperatorLog
}

// Operator returns the operator log, verified as the documentation of the
// package says.
func (c *Client) Operator(ctx context.Context) (*Operator, error) {
	v, err := c.view(ctx, nil)
	if err != nil {
		return nil, err
	}
	return v.asOperator(), nil
}

func (v *view) asOperator() *Operator {
	return &Operator{Key: v.operator.first, Checkpoint: v.checkpoint, log: &v.operator.OperatorLog}
}

// LoggedOperatorRecord is a record of the operator as it stands in the registry's log.
type LoggedOperatorRecord struct {
	Index    uint64 // in the registry's log
	ID       protocol.Hash
	Envelope protocol.Envelope
	Record   *protocol.OperatorRecord // what the envelope holds
}

// OperatorRecords returns all records of the operator log from its first, verified as
// [Client.Operator] does it. They are read anew, whatever is remembered, and must have
// what is.
func (c *Client) OperatorRecords(ctx context.Context) ([]LoggedOperatorRecord, *Operator, error) {
	raw, err := c.read(ctx, operatorName)
	if err != nil {
		return nil, nil, err
	}
	if raw, err = withoutState(raw); err != nil {
		return nil, nil, &StoreError{operatorName, err}
	}
	log := newOperatorView()
	if err := log.restore(raw); err != nil {
		return nil, nil, err
	}
	var all []LoggedOperatorRecord
	log.visit = func(index uint64, id protocol.Hash, envelope protocol.Envelope) {
		all = append(all, LoggedOperatorRecord{Index: index, ID: id, Envelope: envelope})
	}
	v, err := c.viewOperator(ctx, log, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		if all[i].Record, err = protocol.DecodeOperatorRecord(all[i].Envelope.Content); err != nil {
			return nil, nil, err
		}
	}
	return all, v.asOperator(), nil
}

// Namespaces returns all namespaces in the order of the log.
func (o *Operator) Namespaces() iter.Seq[protocol.Namespace] { return o.log.Namespaces() }

// Namespace returns the definition of a namespace.
func (o *Operator) Namespace(name string) (protocol.Namespace, bool) { return o.log.Namespace(name) }

// Permits returns the ids of the keys that hold all of some permissions, in the order in
// which the log came to know them.
func (o *Operator) Permits(needed ...protocol.OperatorPermission) []protocol.KeyID {
	return o.log.Holders(needed...)
}

// Keys returns the keys of the log by id, in the order in which it came to know
// them.
func (o *Operator) Keys() iter.Seq2[protocol.KeyID, Key[protocol.OperatorPermission]] {
	return keys(o.log.Permissions(), o.log.PublicKey)
}
