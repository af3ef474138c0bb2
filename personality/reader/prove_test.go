package reader_test

import (
	"context"
	"errors"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Every head is provable at every checkpoint, and any two lengths are provably
// consistent.
func TestProofs(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.LoadAtOnce(4, 6)
	ctx := context.Background()
	checkpoints := s.SignedCheckpoints()
	newest, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	length := newest.Contents.LogLength
	leaves, err := s.Leaves(ctx, 0, int(length))
	s.Must(err)
	for at, checkpoint := range checkpoints {
		heads := map[protocol.Hash]uint64{}
		for i, leaf := range leaves[:at] {
			heads[leaf.LogID] = uint64(i)
		}
		checkInclusion(s, at, checkpoint, leaves, heads)
	}
	for from := uint64(1); from <= length; from++ {
		for to := from; to <= length; to++ {
			encoded, err := s.ProveConsistency(ctx, from, to)
			s.Must(err)
			bundle, err := proof.DecodeLogBundle(encoded)
			s.Must(err)
			if err := bundle.VerifyConsistency(from, to, registrytest.LogRoot(s, leaves[:from]), registrytest.LogRoot(s, leaves[:to])); err != nil {
				t.Errorf("consistency from %d to %d: %v", from, to, err)
			}
		}
	}
}

func checkInclusion(s *registrytest.Setup, at uint64, checkpoint protocol.TimestampedCheckpoint, leaves []protocol.LogLeaf, heads map[protocol.Hash]uint64) {
	s.T.Helper()
	var indices []uint64
	var inLog []proof.Leaf
	var inMap []proof.MapLeaf
	for _, i := range heads {
		indices = append(indices, i)
		inLog = append(inLog, proof.Leaf{Index: i, Hash: leaves[i].Hash()})
		inMap = append(inMap, proof.MapLeaf(leaves[i]))
	}
	encodedLog, encodedMap, err := s.ProveInclusion(context.Background(), at, indices)
	s.Must(err)
	logBundle, err := proof.DecodeLogBundle(encodedLog)
	s.Must(err)
	mapBundle, err := proof.DecodeMapBundle(encodedMap)
	s.Must(err)
	if err := logBundle.VerifyInclusion(at, checkpoint.LogRoot, inLog); err != nil {
		s.T.Errorf("inclusion in the log at %d: %v", at, err)
	}
	if err := mapBundle.Verify(checkpoint.MapRoot, inMap); err != nil {
		s.T.Errorf("inclusion in the map at %d: %v", at, err)
	}
}

func TestProofsThatAreNot(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:one", 3)
	ctx := context.Background()
	newest, err := s.LatestCheckpoint(ctx)
	s.Must(err)
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
	s := registrytest.New(t)
	s.Start()
	s.Load("example:one", 7)
	s.Load("example:two", 2)
	unpublished := s.Author("example:three")
	unpublished.Post(registrytest.Init(unpublished.Key), registrytest.Release("1.0.0", "missing"))
	ctx := context.Background()
	newest, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	one, two := s.Author("example:one").Name.LogID(), s.Author("example:two").Name.LogID()

	// Page by page, to the end.
	var got []reader.PublishedRecord
	query := reader.FetchLogsRequest{LogLength: newest.Contents.LogLength, Limit: 3, Packages: []reader.PackageLogCursor{{LogID: one}, {LogID: two}}}
	for more := true; more; {
		answer, err := s.FetchLogs(ctx, query)
		s.Must(err)
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
	for length := range s.SignedCheckpoints() {
		answer, err := s.FetchLogs(ctx, reader.FetchLogsRequest{LogLength: length, Limit: 100, Packages: []reader.PackageLogCursor{{LogID: one}}})
		s.Must(err)
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
	checkFetchErrors(s, newest.Contents.LogLength, one, unpublished.Name.LogID())
	names, err := s.Names(ctx, []protocol.Hash{one, unpublished.Name.LogID(), protocol.OperatorLogID()})
	s.Must(err)
	if names[0].Name != "example:one" || names[1].Name != "" || names[2].Name != "" {
		t.Errorf("names: %+v", names)
	}
}

func checkFetchErrors(s *registrytest.Setup, length uint64, known, unpublished protocol.Hash) {
	s.T.Helper()
	ask := func(length uint64, operator string, packages ...reader.PackageLogCursor) error {
		_, err := s.FetchLogs(context.Background(), reader.FetchLogsRequest{LogLength: length, Limit: 10, Operator: operator, Packages: packages})
		return err
	}
	var noCheckpoint *registry.CheckpointNotFoundError
	if err := ask(length+1, ""); !errors.As(err, &noCheckpoint) {
		s.T.Errorf("length that is no checkpoint's: %v", err)
	}
	var noLog *registry.LogNotFoundError
	if err := ask(length, "", reader.PackageLogCursor{LogID: unpublished}); !errors.As(err, &noLog) || noLog.LogID != unpublished {
		s.T.Errorf("log without a published record: %v", err)
	}
	var noToken *registry.FetchTokenNotFoundError
	for _, token := range []string{"nonsense", known.String()} {
		if err := ask(length, token); !errors.As(err, &noToken) || noToken.Token != token {
			s.T.Errorf("operator token %q: %v", token, err)
		}
		if err := ask(length, "", reader.PackageLogCursor{LogID: known, FetchToken: token}); !errors.As(err, &noToken) {
			s.T.Errorf("package token %q: %v", token, err)
		}
	}
}

func TestVerifyCheckpoint(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:one", 1)
	newest, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	stranger := registrytest.NewKey(t)
	for name, c := range map[string]struct {
		change                func(*protocol.TimestampedCheckpoint)
		key                   protocol.PrivateKey
		checkpoint, signature reader.Verdict
	}{
		"ours":           {func(*protocol.TimestampedCheckpoint) {}, s.Key, reader.Verified, reader.Verified},
		"other time":     {func(c *protocol.TimestampedCheckpoint) { c.Timestamp++ }, s.Key, reader.Verified, reader.Verified},
		"other key":      {func(*protocol.TimestampedCheckpoint) {}, stranger, reader.Verified, reader.Invalid},
		"other map root": {func(c *protocol.TimestampedCheckpoint) { c.MapRoot[0]++ }, s.Key, reader.Invalid, reader.Verified},
		"other log root": {func(c *protocol.TimestampedCheckpoint) { c.LogRoot[0]++ }, stranger, reader.Invalid, reader.Invalid},
		"unknown length": {func(c *protocol.TimestampedCheckpoint) { c.LogLength = 1000 }, s.Key, reader.Invalid, reader.Verified},
	} {
		contents := newest.Contents
		c.change(&contents)
		checkpoint, signature, err := s.VerifyCheckpoint(context.Background(), contents.Sign(c.key).Received())
		if err != nil || checkpoint != c.checkpoint || signature != c.signature {
			t.Errorf("%s: checkpoint %v, signature %v, error %v", name, checkpoint, signature, err)
		}
	}
}
