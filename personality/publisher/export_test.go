package publisher

import (
	"context"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// CheckpointsPage is how many leaves of the checkpoints log are read at a time.
const CheckpointsPage = checkpointsPage

// NewLeaf makes the leaf of a record.
func NewLeaf(leaf protocol.LogLeaf, name string, envelope []byte) follow.Leaf {
	return newLeaf(leaf, name, envelope)
}

// Integrator reads the records log and makes checkpoints, step by step.
type Integrator struct{ i *integrator }

func LoadIntegrator(ctx context.Context, p *Publisher) (Integrator, error) {
	i, err := loadIntegrator(ctx, p)
	return Integrator{i}, err
}

// Read reads up to a length of the log and returns the leaves that are new.
func (i Integrator) Read(ctx context.Context, upTo uint64) ([]protocol.LogLeaf, error) {
	fresh, err := i.i.read(ctx, upTo)
	var leaves []protocol.LogLeaf
	for _, leaf := range fresh {
		leaves = append(leaves, leaf.LogLeaf)
	}
	return leaves, err
}

// Publish makes the checkpoint of what was read.
func (i Integrator) Publish(ctx context.Context) error {
	_, err := i.i.publish(ctx)
	return err
}

// Republish signs the newest checkpoint again.
func (i Integrator) Republish(ctx context.Context) error { return i.i.republish(ctx) }

// Queue hands what is accepted to the records log, and has it sequenced.
func (p *Publisher) Queue(ctx context.Context) error {
	s := newSequencer(p)
	batch, err := s.nextBatch(ctx)
	if err != nil {
		return err
	}
	return s.queue(ctx, batch)
}

// StoreTiles stores the tiles of leaves behind those of earlier tiles.
func StoreTiles(tx *store.Tx, log tlog.Log, start uint64, values [][]byte) error {
	return storeTiles(tx, log, start, values)
}
