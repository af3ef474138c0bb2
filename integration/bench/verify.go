package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// verify checks that every record is published, each once, in the log that the
// newest checkpoint signs.
func (c *client) verify(ctx context.Context, records []record) error {
	checkpoint, err := c.checkpoint(ctx)
	if err != nil {
		return err
	}
	leaves, err := c.leaves(ctx, checkpoint.Contents.LogLength)
	if err != nil {
		return err
	}
	if err := checkRoot(leaves, checkpoint.Contents.Checkpoint); err != nil {
		return err
	}
	at := make(map[protocol.LogLeaf]uint64, len(leaves))
	for i, leaf := range leaves {
		if first, again := at[leaf]; again {
			return fmt.Errorf("leaves %d and %d of the log are the same record %s", first, i, leaf.RecordID)
		}
		at[leaf] = uint64(i)
	}
	var group errgroup.Group
	group.SetLimit(16)
	for i := range records {
		group.Go(func() error { return c.checkPublished(ctx, &records[i], at) })
	}
	return group.Wait()
}

func (c *client) checkPublished(ctx context.Context, r *record, at map[protocol.LogLeaf]uint64) error {
	status, err := c.status(ctx, r)
	if err != nil {
		return err
	}
	index, found := at[protocol.LogLeaf{LogID: r.logID, RecordID: r.id}]
	if status.State != api.StatePublished || !found || index != status.RegistryIndex {
		return fmt.Errorf("record %s of %s is %s at index %d; in the log: %v, at %d",
			r.id, r.name, status.State, status.RegistryIndex, found, index)
	}
	return nil
}

// leaves fetches the leaves of the records log from the ledger.
func (c *client) leaves(ctx context.Context, length uint64) ([]protocol.LogLeaf, error) {
	var leaves []protocol.LogLeaf
	for uint64(len(leaves)) < length {
		packed, err := c.do(ctx, "GET", api.LedgerRecordsPath(uint64(len(leaves))), nil, http.StatusOK)
		if err != nil {
			return nil, err
		}
		if len(packed) == 0 || len(packed)%api.PackedRecordSize != 0 {
			return nil, fmt.Errorf("the ledger answers %d bytes for the records from %d of %d on", len(packed), len(leaves), length)
		}
		for ; len(packed) > 0; packed = packed[api.PackedRecordSize:] {
			leaves = append(leaves, protocol.LogLeaf{
				LogID:    protocol.Hash(packed[:protocol.HashSize]),
				RecordID: protocol.Hash(packed[protocol.HashSize:api.PackedRecordSize]),
			})
		}
	}
	return leaves[:length], nil
}

// checkRoot computes the log root anew.
func checkRoot(leaves []protocol.LogLeaf, signed protocol.Checkpoint) error {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	tree := factory.NewEmptyRange(0)
	for _, leaf := range leaves {
		hash := leaf.Hash()
		if err := tree.Append(hash[:], nil); err != nil {
			return err
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return err
	}
	if protocol.Hash(root) != signed.LogRoot {
		return fmt.Errorf("the leaves of the log give root %s, the checkpoint has %s", protocol.Hash(root), signed.LogRoot)
	}
	return nil
}
