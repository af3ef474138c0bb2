package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// ErrOtherRegistry says that a source is another registry than the one that the store
// knows: a mistyped URL, or the wrong store.
var ErrOtherRegistry = errors.New("another registry")

// sameRegistry demands that a note has the origin of those that are remembered.
func (r *round) sameRegistry(s Source, log tlog.Log, note []byte) error {
	for _, seen := range r.seen.Notes {
		known, err := tlog.ParseTreeHead(noteBody(seen.Text))
		if err != nil {
			return fmt.Errorf("the note in the store can not be read: %w", err)
		}
		head, err := tlog.ParseTreeHead(noteBody(note))
		if err != nil {
			return nil // its signature is found wrong
		}
		if is, err := logOfOrigin(head.Origin); err == nil && is == log && registryOf(head.Origin) != registryOf(known.Origin) {
			return fmt.Errorf("%w: %s serves the logs of %q, and the state is of %q; check the URL, or begin another state", ErrOtherRegistry, s, registryOf(head.Origin), registryOf(known.Origin))
		}
	}
	return nil
}

// sameOperator demands, of a registry without notes whose checkpoint is signed by an
// unknown key, that its operator log begins with the record that is remembered.
func (r *round) sameOperator(ctx context.Context, c claim, head treeClaim) error {
	if c.Key != "" || r.pos.Operators == 0 {
		return nil
	}
	operators, err := r.operatorRecords(ctx, 1)
	if err != nil {
		return err
	}
	first := operators[0]
	want := protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(first.envelope.Content)}
	if first.index < head.Size {
		packed, err := r.readLedger(ctx, first.index, first.index+1)
		if err != nil || unpackLeaf(packed) == want {
			return err
		}
	}
	return fmt.Errorf("%w: the operator log of %s begins with another record than that in the state; check the URL, or begin another state", ErrOtherRegistry, r.source)
}
