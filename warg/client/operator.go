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
	return &Operator{Key: v.operator.first, Checkpoint: v.checkpoint, log: &v.operator.OperatorLog}, nil
}

// Namespaces returns all namespaces in the order of the log.
func (o *Operator) Namespaces() iter.Seq[protocol.Namespace] { return o.log.Namespaces() }

// Namespace returns the definition of a namespace.
func (o *Operator) Namespace(name string) (protocol.Namespace, bool) { return o.log.Namespace(name) }

// Keys returns the keys of the log by id, in the order in which it came to know
// them.
func (o *Operator) Keys() iter.Seq2[protocol.KeyID, Key[protocol.OperatorPermission]] {
	return keys(o.log.Permissions(), o.log.PublicKey)
}
