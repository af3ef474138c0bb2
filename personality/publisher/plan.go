package publisher

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// plan is the checkpoint behind another one, as it will be signed but for its
// time, with all that is to be written with it. Making a plan changes nothing, and
// the same base and leaves give the same plan.
type plan struct {
	base       store.Checkpoint    // that it follows; zero before the first
	checkpoint protocol.Checkpoint // its roots and length
	subtrees   []protocol.Hash     // of the records log at that length
	leaves     []protocol.LogLeaf  // that it publishes: the first at the base's length, without a gap
	tiles      []index.Tile        // of the package index, that differ from the base's
}

// newPlan plans a checkpoint behind base. state is the records log with the leaves
// behind base, and ends with them; tiles are those of the package index at base.
func newPlan(ctx context.Context, tree *index.Tree, tiles index.TileReader, base store.Checkpoint, leaves []protocol.LogLeaf, state follow.State) (plan, error) {
	if got := lengthOf(base) + uint64(len(leaves)); got != state.Size() {
		return plan{}, fmt.Errorf("%d leaves behind a checkpoint of length %d do not make a log of length %d", len(leaves), lengthOf(base), state.Size())
	}
	changes := make([]index.Change, len(leaves))
	for n, leaf := range leaves {
		changes[n] = index.Change{LogID: leaf.LogID, RecordID: leaf.RecordID}
	}
	mapRoot, changed, err := tree.Update(ctx, tiles, base.Snapshot(), changes)
	if err != nil {
		return plan{}, fmt.Errorf("update the package index: %w", err)
	}
	return plan{
		base:       base,
		checkpoint: protocol.Checkpoint{LogRoot: state.Root().Hash, LogLength: state.Size(), MapRoot: mapRoot},
		subtrees:   state.Subtrees(),
		leaves:     leaves,
		tiles:      changed,
	}, nil
}

func lengthOf(c store.Checkpoint) uint64 { return c.Signed.Contents.LogLength }

// rootOf is the root of the records log as of a checkpoint.
func rootOf(c store.Checkpoint) follow.Root {
	return follow.Root{Size: lengthOf(c), Hash: c.Signed.Contents.LogRoot}
}
