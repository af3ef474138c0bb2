package registry_test

import (
	"context"
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// checkpoints returns every checkpoint that was signed, by length.
func (s *setup) checkpoints() map[uint64]protocol.TimestampedCheckpoint {
	s.t.Helper()
	all := map[uint64]protocol.TimestampedCheckpoint{}
	s.must(s.options.Store.View(context.Background(), func(tx *store.Tx) error {
		list, err := tx.CheckpointsAfter(0, 1000)
		for _, c := range list {
			all[c.Signed.Contents.LogLength] = c.Signed.Contents
		}
		return err
	}))
	return all
}

// Every head is provable at every checkpoint, and any two lengths are provably
// consistent.
func TestProofs(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.loadAtOnce(4, 6)
	ctx := context.Background()
	checkpoints := s.checkpoints()
	newest, err := s.LatestCheckpoint(ctx)
	s.must(err)
	length := newest.Contents.LogLength
	leaves, err := s.Leaves(ctx, 0, int(length))
	s.must(err)
	for at, checkpoint := range checkpoints {
		heads := map[protocol.Hash]uint64{}
		for i, leaf := range leaves[:at] {
			heads[leaf.LogID] = uint64(i)
		}
		s.checkInclusion(at, checkpoint, leaves, heads)
	}
	for from := uint64(1); from <= length; from++ {
		for to := from; to <= length; to++ {
			encoded, err := s.ProveConsistency(ctx, from, to)
			s.must(err)
			bundle, err := proof.DecodeLogBundle(encoded)
			s.must(err)
			if err := bundle.VerifyConsistency(from, to, logRoot(s, leaves[:from]), logRoot(s, leaves[:to])); err != nil {
				t.Errorf("consistency from %d to %d: %v", from, to, err)
			}
		}
	}
}

func (s *setup) checkInclusion(at uint64, checkpoint protocol.TimestampedCheckpoint, leaves []protocol.LogLeaf, heads map[protocol.Hash]uint64) {
	s.t.Helper()
	var indices []uint64
	var inLog []proof.Leaf
	var inMap []proof.MapLeaf
	for _, i := range heads {
		indices = append(indices, i)
		inLog = append(inLog, proof.Leaf{Index: i, Hash: leaves[i].Hash()})
		inMap = append(inMap, proof.MapLeaf(leaves[i]))
	}
	encodedLog, encodedMap, err := s.ProveInclusion(context.Background(), at, indices)
	s.must(err)
	logBundle, err := proof.DecodeLogBundle(encodedLog)
	s.must(err)
	mapBundle, err := proof.DecodeMapBundle(encodedMap)
	s.must(err)
	if err := logBundle.VerifyInclusion(at, checkpoint.LogRoot, inLog); err != nil {
		s.t.Errorf("inclusion in the log at %d: %v", at, err)
	}
	if err := mapBundle.Verify(checkpoint.MapRoot, inMap); err != nil {
		s.t.Errorf("inclusion in the map at %d: %v", at, err)
	}
}

func TestProofsThatAreNot(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.load("example:one", 3)
	ctx := context.Background()
	newest, err := s.LatestCheckpoint(ctx)
	s.must(err)
	length := newest.Contents.LogLength

	var noCheckpoint *registry.CheckpointNotFoundError
	if _, _, err := s.ProveInclusion(ctx, length+1, []uint64{0}); !errors.As(err, &noCheckpoint) || noCheckpoint.LogLength != length+1 {
		t.Errorf("length that is no checkpoint's: %v", err)
	}
	var noLeaf *registry.LeafNotFoundError
	if _, _, err := s.ProveInclusion(ctx, length, []uint64{0, length}); !errors.As(err, &noLeaf) || noLeaf.Index != length {
		t.Errorf("leaf beyond the length: %v", err)
	}
	var incorrect *registry.IncorrectProofError
	if _, _, err := s.ProveInclusion(ctx, length, []uint64{length - 2}); !errors.As(err, &incorrect) || incorrect.Root != newest.Contents.MapRoot {
		t.Errorf("leaf that is not the head of its log: %v", err)
	}
	var bundle *registry.BundleError
	if _, _, err := s.ProveInclusion(ctx, length, nil); !errors.As(err, &bundle) {
		t.Errorf("no leaves: %v", err)
	}
	for _, c := range [][2]uint64{{0, 1}, {0, 0}, {3, 2}} {
		if _, err := s.ProveConsistency(ctx, c[0], c[1]); !errors.As(err, &bundle) {
			t.Errorf("consistency from %d to %d: %v", c[0], c[1], err)
		}
	}
	if _, err := s.ProveConsistency(ctx, 1, length+1); !errors.As(err, &noCheckpoint) {
		t.Errorf("consistency beyond the newest checkpoint: %v", err)
	}
}

func TestFetchLogs(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.load("example:one", 7)
	s.load("example:two", 2)
	unpublished := s.author("example:three")
	unpublished.post(initEntry(unpublished.key), release("1.0.0", "missing"))
	ctx := context.Background()
	newest, err := s.LatestCheckpoint(ctx)
	s.must(err)
	one, two := s.author("example:one").name.LogID(), s.author("example:two").name.LogID()

	// Page by page, to the end.
	var got []registry.PublishedRecord
	query := registry.FetchLogsRequest{LogLength: newest.Contents.LogLength, Limit: 3, Packages: []registry.PackageLogCursor{{LogID: one}, {LogID: two}}}
	for more := true; more; {
		answer, err := s.FetchLogs(ctx, query)
		s.must(err)
		more = answer.More
		for _, r := range answer.Operator {
			query.Operator = r.RecordID.String()
		}
		for i, p := range answer.Packages {
			for _, r := range p.Records {
				query.Packages[i].FetchToken = r.RecordID.String()
			}
			if p.LogID == one {
				got = append(got, p.Records...)
			}
		}
	}
	if len(got) != 8 {
		t.Errorf("%d records by pages of 3, want 8", len(got))
	}
	// As of an earlier checkpoint.
	for length := range s.checkpoints() {
		answer, err := s.FetchLogs(ctx, registry.FetchLogsRequest{LogLength: length, Limit: 100, Packages: []registry.PackageLogCursor{{LogID: one}}})
		s.must(err)
		want := 0
		for _, r := range got {
			if r.RegistryIndex < length {
				want++
			}
		}
		if n := len(answer.Packages[0].Records); n != want {
			t.Errorf("%d records at length %d, want %d", n, length, want)
		}
	}
	s.checkFetchErrors(newest.Contents.LogLength, one, unpublished.name.LogID())
	names, err := s.Names(ctx, []protocol.Hash{one, unpublished.name.LogID(), protocol.OperatorLogID()})
	s.must(err)
	if names[0].Name != "example:one" || names[1].Name != "" || names[2].Name != "" {
		t.Errorf("names: %+v", names)
	}
}

func (s *setup) checkFetchErrors(length uint64, known, unpublished protocol.Hash) {
	s.t.Helper()
	ask := func(length uint64, operator string, packages ...registry.PackageLogCursor) error {
		_, err := s.FetchLogs(context.Background(), registry.FetchLogsRequest{LogLength: length, Limit: 10, Operator: operator, Packages: packages})
		return err
	}
	var noCheckpoint *registry.CheckpointNotFoundError
	if err := ask(length+1, ""); !errors.As(err, &noCheckpoint) {
		s.t.Errorf("length that is no checkpoint's: %v", err)
	}
	var noLog *registry.LogNotFoundError
	if err := ask(length, "", registry.PackageLogCursor{LogID: unpublished}); !errors.As(err, &noLog) || noLog.LogID != unpublished {
		s.t.Errorf("log without a published record: %v", err)
	}
	var noToken *registry.FetchTokenNotFoundError
	for _, token := range []string{"nonsense", known.String()} {
		if err := ask(length, token); !errors.As(err, &noToken) || noToken.Token != token {
			s.t.Errorf("operator token %q: %v", token, err)
		}
		if err := ask(length, "", registry.PackageLogCursor{LogID: known, FetchToken: token}); !errors.As(err, &noToken) {
			s.t.Errorf("package token %q: %v", token, err)
		}
	}
}

func TestVerifyCheckpoint(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.load("example:one", 1)
	newest, err := s.LatestCheckpoint(context.Background())
	s.must(err)
	stranger := newKey(t)
	for name, c := range map[string]struct {
		change                func(*protocol.TimestampedCheckpoint)
		key                   protocol.PrivateKey
		checkpoint, signature registry.Verdict
	}{
		"ours":           {func(*protocol.TimestampedCheckpoint) {}, s.key, registry.Verified, registry.Verified},
		"other time":     {func(c *protocol.TimestampedCheckpoint) { c.Timestamp++ }, s.key, registry.Verified, registry.Verified},
		"other key":      {func(*protocol.TimestampedCheckpoint) {}, stranger, registry.Verified, registry.Invalid},
		"other map root": {func(c *protocol.TimestampedCheckpoint) { c.MapRoot[0]++ }, s.key, registry.Invalid, registry.Verified},
		"other log root": {func(c *protocol.TimestampedCheckpoint) { c.LogRoot[0]++ }, stranger, registry.Invalid, registry.Invalid},
		"unknown length": {func(c *protocol.TimestampedCheckpoint) { c.LogLength = 1000 }, s.key, registry.Invalid, registry.Verified},
	} {
		contents := newest.Contents
		c.change(&contents)
		checkpoint, signature, err := s.VerifyCheckpoint(context.Background(), contents.Sign(c.key).Received())
		if err != nil || checkpoint != c.checkpoint || signature != c.signature {
			t.Errorf("%s: checkpoint %v, signature %v, error %v", name, checkpoint, signature, err)
		}
	}
}
