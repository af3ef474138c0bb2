package integration

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What follows checks a whole registry from outside, as simply as can be: every
// root is computed anew from all the leaves, by the definitions.

// audit checks that the records log has the operator's records and these, each
// once, and that its newest checkpoint signs exactly that. It returns the
// checkpoint and the leaves.
func (s *server) audit(t *testing.T, records []*signedRecord) (protocol.Checkpoint, []protocol.LogLeaf) {
	t.Helper()
	var signed protocol.SignedCheckpoint
	s.mustAsk(t, http.MethodGet, "/"+api.FetchCheckpointPath, nil, &signed)
	checkpoint := signed.Contents.Checkpoint
	leaves := s.leaves(t, checkpoint.LogLength)
	if root := logRoot(leaves); root != checkpoint.LogRoot {
		t.Errorf("the %d leaves give log root %s, the checkpoint has %s", len(leaves), root, checkpoint.LogRoot)
	}
	if root := mapRoot(leaves); root != checkpoint.MapRoot {
		t.Errorf("the heads of %d leaves give map root %s, the checkpoint has %s", len(leaves), root, checkpoint.MapRoot)
	}
	s.auditRecords(t, records, leaves)
	return checkpoint, leaves
}

// auditRecords checks that each record is published once, and nothing else is.
func (s *server) auditRecords(t *testing.T, records []*signedRecord, leaves []protocol.LogLeaf) {
	t.Helper()
	index := auditLeaves(t, records, leaves)
	for _, r := range records {
		at := index[r.leaf()]
		state := s.recordState(t, r.pkg.String(), r.id.String())
		if state.State != string(api.StatePublished) || state.RegistryIndex == nil || *state.RegistryIndex != at {
			t.Errorf("record %s of %s is said to be %+v, it is in the log at %d", r.id, r.pkg, state, at)
		}
	}
}

// auditLeaves checks that the records log has the operator's records and these,
// each once, and returns where.
func auditLeaves(t *testing.T, records []*signedRecord, leaves []protocol.LogLeaf) map[protocol.LogLeaf]uint64 {
	t.Helper()
	index := make(map[protocol.LogLeaf]uint64, len(leaves))
	packages := 0
	for i, leaf := range leaves {
		if first, again := index[leaf]; again {
			t.Errorf("record %s of log %s is in the records log at %d and at %d", leaf.RecordID, leaf.LogID, first, i)
		}
		index[leaf] = uint64(i)
		if leaf.LogID != protocol.OperatorLogID() {
			packages++
		}
	}
	if packages != len(records) {
		t.Errorf("the records log has %d package records, want %d", packages, len(records))
	}
	for _, r := range records {
		if _, found := index[r.leaf()]; !found {
			t.Errorf("record %s of %s is not in the records log", r.id, r.pkg)
		}
	}
	return index
}

// leaves fetches the records log from the ledger.
func (s *server) leaves(t *testing.T, length uint64) (leaves []protocol.LogLeaf) {
	t.Helper()
	for uint64(len(leaves)) < length {
		status, packed := s.ask(t, http.MethodGet, "/"+api.LedgerRecordsPath(uint64(len(leaves))), nil)
		if status != http.StatusOK || len(packed) == 0 || len(packed)%api.PackedRecordSize != 0 {
			t.Fatalf("the ledger from %d of %d on: status %d, %d bytes", len(leaves), length, status, len(packed))
		}
		for one := range slices.Chunk(packed, api.PackedRecordSize) {
			leaves = append(leaves, protocol.LogLeaf{
				LogID: protocol.Hash(one[:protocol.HashSize]), RecordID: protocol.Hash(one[protocol.HashSize:]),
			})
		}
	}
	return leaves[:length]
}

// proveConsistent has the server prove that the log of one checkpoint is a
// prefix of that of another.
func (s *server) proveConsistent(t *testing.T, from, to protocol.Checkpoint) {
	t.Helper()
	var answer api.ConsistencyResponse
	s.mustAsk(t, http.MethodPost, "/"+api.ProveConsistencyPath,
		json.RawMessage(api.ConsistencyRequest{From: from.LogLength, To: to.LogLength}.AppendJSON(nil)), &answer)
	bundle, err := proof.DecodeLogBundle(answer.Proof)
	if err != nil {
		t.Fatal(err)
	}
	if err := bundle.VerifyConsistency(from.LogLength, to.LogLength, from.LogRoot, to.LogRoot); err != nil {
		t.Errorf("consistency of %d with %d: %v", from.LogLength, to.LogLength, err)
	}
}

// proveHead has the server prove that the leaf at an index is in the log and
// the head of its own.
func (s *server) proveHead(t *testing.T, at protocol.Checkpoint, index uint64, leaf protocol.LogLeaf) {
	t.Helper()
	var answer api.InclusionResponse
	s.mustAsk(t, http.MethodPost, "/"+api.ProveInclusionPath,
		json.RawMessage(api.InclusionRequest{LogLength: at.LogLength, Leafs: []uint64{index}}.AppendJSON(nil)), &answer)
	inLog, err := proof.DecodeLogBundle(answer.Log)
	if err != nil {
		t.Fatal(err)
	}
	if err := inLog.VerifyInclusion(at.LogLength, at.LogRoot, []proof.Leaf{{Index: index, Hash: leaf.Hash()}}); err != nil {
		t.Errorf("inclusion of leaf %d at %d: %v", index, at.LogLength, err)
	}
	inMap, err := proof.DecodeMapBundle(answer.Map)
	if err != nil {
		t.Fatal(err)
	}
	if err := inMap.Verify(at.MapRoot, []proof.MapLeaf{{LogID: leaf.LogID, RecordID: leaf.RecordID}}); err != nil {
		t.Errorf("leaf %d as head of its log at %d: %v", index, at.LogLength, err)
	}
}

// logRoot is the Merkle tree hash of RFC 6962, section 2.1.
func logRoot(leaves []protocol.LogLeaf) protocol.Hash {
	switch len(leaves) {
	case 0:
		return protocol.HashOf()
	case 1:
		return leaves[0].Hash()
	}
	split := 1
	for split*2 < len(leaves) {
		split *= 2
	}
	return branch(logRoot(leaves[:split]), logRoot(leaves[split:]))
}

func branch(left, right protocol.Hash) protocol.Hash {
	return protocol.HashOf([]byte{1}, left[:], right[:])
}

// mapLeaf is a leaf of the map with its path.
type mapLeaf struct{ path, hash protocol.Hash }

// mapRoot is the root of the sparse Merkle tree of depth 256 with the heads of
// all logs.
func mapRoot(leaves []protocol.LogLeaf) protocol.Hash {
	heads := map[protocol.Hash]protocol.Hash{}
	for _, leaf := range leaves {
		heads[leaf.LogID] = leaf.RecordID
	}
	var all []mapLeaf
	for logID, recordID := range heads {
		all = append(all, mapLeaf{protocol.MapKey(logID), protocol.MapLeafHash(recordID)})
	}
	slices.SortFunc(all, func(a, b mapLeaf) int { return bytes.Compare(a.path[:], b.path[:]) })
	empty := []protocol.Hash{protocol.HashOf([]byte{0})} // by height
	for range 256 {
		last := empty[len(empty)-1]
		empty = append(empty, branch(last, last))
	}
	return subtree(all, 0, empty)
}

// subtree is the root, depth levels below the map's, over leaves in the order of
// their paths.
func subtree(leaves []mapLeaf, depth int, empty []protocol.Hash) protocol.Hash {
	if len(leaves) == 0 {
		return empty[256-depth]
	}
	if depth == 256 {
		return leaves[0].hash
	}
	split := slices.IndexFunc(leaves, func(l mapLeaf) bool { return l.path[depth/8]>>(7-depth%8)&1 == 1 })
	if split < 0 {
		split = len(leaves)
	}
	return branch(subtree(leaves[:split], depth+1, empty), subtree(leaves[split:], depth+1, empty))
}
