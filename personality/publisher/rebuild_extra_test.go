package publisher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// lost is a registry whose database is lost. Of its records log leaf 0 is the
// operator's, and of each of two packages there are two records at least.
func lost(t *testing.T) (s *registrytest.Setup, newest protocol.SignedCheckpoint) {
	s = registrytest.New(t)
	s.Start()
	for _, name := range []string{"example:one", "example:two"} {
		a := s.Author(name)
		a.Post(registrytest.Init(a.Key))
		a.Post(grant(registrytest.NewKey(t)))
		a.Wait(registrytest.MustHash(t, a.Head))
	}
	s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
	newest, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	s.LoseStore()
	return s, newest
}

// refused rebuilds from a changed log, which must fail with some words and publish
// nothing behind the leaves that were not changed.
func refused(t *testing.T, s *registrytest.Setup, newest protocol.SignedCheckpoint, words string) {
	t.Helper()
	ctx := context.Background()
	s.Renew()
	err := s.Rebuild(ctx, func(uint64, uint64) {})
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("rebuilt, or not for %q: %v", words, err)
	}
	if c, err := s.LatestCheckpoint(ctx); err == nil && c.Contents.LogLength >= newest.Contents.LogLength {
		t.Errorf("published %+v", c.Contents)
	}
}

// The Merkle tree covers no extra data: of the records log, whatever is swapped or
// damaged in it is found.
func TestRebuildRefusesExtraDataOfRecords(t *testing.T) {
	s, newest := lost(t)
	all, err := s.Options.Records.Leaves(context.Background(), 0, 100)
	s.Must(err)
	const first, second, other = 1, 2, 4 // of one package, and of another
	name := func(extra []byte) []byte {  // the field with the package name
		_, _, n := protowire.ConsumeField(extra)
		return extra[:n]
	}
	own, foreign, operators := all[second].ExtraData, all[other].ExtraData, all[0].ExtraData
	envelope := own[len(name(own)):]
	for what, c := range map[string]struct {
		at    int
		extra []byte
		words string
	}{
		"none":                             {second, nil, "damaged"},
		"cut off":                          {second, own[:len(own)-1], "damaged"},
		"bytes more":                       {second, append(slices.Clone(own), 0x1a, 0), "damaged"},
		"a field of another type":          {second, append(slices.Clone(own), 0x18, 1), "damaged"},
		"fields in another order":          {second, append(slices.Clone(envelope), name(own)...), "damaged"},
		"two envelopes":                    {second, append(slices.Clone(own), envelope...), "damaged"},
		"no name":                          {second, envelope, "extra data"},
		"another package's name":           {second, append(slices.Clone(name(foreign)), envelope...), "package name example:two"},
		"another package's, first record":  {first, append(slices.Clone(name(foreign)), all[first].ExtraData[len(name(own)):]...), "package name example:two"},
		"another package's altogether":     {second, foreign, "package name example:two"},
		"the record's before":              {second, all[first].ExtraData, recordOf(s, all[first])},
		"another package's envelope":       {second, append(slices.Clone(name(own)), foreign[len(name(foreign)):]...), recordOf(s, all[other])},
		"the operator's":                   {second, operators, "extra data"},
		"a package's for the operator":     {0, own, "operator log"},
		"another record for the operator":  {0, envelope, "envelope"},
		"an envelope with a bit turned":    {second, turned(own, len(own)-150), ""},
		"an envelope with other signature": {second, turned(own, len(own)-10), ""},
	} {
		t.Run(what, func(t *testing.T) {
			s.LoseStore()
			log := &changedLog{RecordsLog: s.Options.Records, leaf: func(l []follow.Leaf) ([]follow.Leaf, error) {
				for i := range l {
					if l[i].Index == uint64(c.at) {
						l[i].ExtraData = c.extra
					}
				}
				return l, nil
			}}
			log.on.Store(true)
			s.Options.Records = log
			refused(t, s, newest, c.words)
			log.on.Store(false)
			rebuilt(t, s, newest)
		})
	}
}

// Nor does it cover the signature and the time of a logged checkpoint.
func TestRebuildRefusesExtraDataOfCheckpoints(t *testing.T) {
	s, newest := lost(t)
	all, err := s.Options.Checkpoints.Leaves(context.Background(), 0, 100)
	s.Must(err)
	last := len(all) - 1
	signed := func(change func(*protocol.SignedCheckpoint)) []byte {
		c := newest
		change(&c)
		extra, err := json.Marshal(c)
		s.Must(err)
		return extra
	}
	stranger := registrytest.NewKey(t)
	for what, c := range map[string]struct {
		extra []byte
		words string
	}{
		"none":                    {nil, "extra data"},
		"cut off":                 {all[last].ExtraData[:20], "extra data"},
		"another checkpoint's":    {all[0].ExtraData, "another checkpoint"},
		"another map root":        {signed(func(c *protocol.SignedCheckpoint) { c.Contents.MapRoot[0]++ }), "another checkpoint"},
		"another time":            {signed(func(c *protocol.SignedCheckpoint) { c.Contents.Timestamp++ }), "wrong signature or time"},
		"another key's id":        {signed(func(c *protocol.SignedCheckpoint) { c.KeyID = stranger.Public().ID() }), "wrong signature or time"},
		"another key's signature": {signed(func(c *protocol.SignedCheckpoint) { *c = c.Contents.Sign(stranger) }), "wrong signature or time"},
		"signature of another key under this key's id": {signed(func(c *protocol.SignedCheckpoint) { c.Signature = c.Contents.Sign(stranger).Signature }), "wrong signature or time"},
	} {
		t.Run(what, func(t *testing.T) {
			s.LoseStore()
			log := &changedLog{RecordsLog: s.Options.Checkpoints.(parts.RecordsLog), leaf: func(l []follow.Leaf) ([]follow.Leaf, error) {
				for i := range l {
					if l[i].Index == uint64(last) {
						l[i].ExtraData = c.extra
					}
				}
				return l, nil
			}}
			log.on.Store(true)
			s.Options.Checkpoints = log
			refused(t, s, newest, c.words)
			log.on.Store(false)
			rebuilt(t, s, newest)
		})
	}
}

// Checkpoints that are stored, and not noted to be in the checkpoints log, are compared
// with it.
func TestRebuildComparesStoredCheckpoints(t *testing.T) {
	s := registrytest.New(t)
	checkpoints := newMemoryLog()
	s.Options.Checkpoints = checkpoints
	s.Renew()
	s.Start()
	s.Load("example:one", 0)
	s.Load("example:two", 0)
	s.Eventually("all checkpoints are logged", func() bool { return allLogged(s) })
	s.Stop()
	newest, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	forget := func() {
		known := logged(s)
		s.Must(s.Options.Store.Update(context.Background(), func(tx *store.Tx) error {
			return tx.ReplaceCheckpointsLog(known, store.CheckpointsLog{})
		}))
	}
	forget()
	rebuilt(t, s, newest)
	for words, change := range map[string]func(*protocol.TimestampedCheckpoint){
		"the checkpoints log has other roots": func(c *protocol.TimestampedCheckpoint) { c.MapRoot[0]++ },
		"and the registry's database has not": func(c *protocol.TimestampedCheckpoint) { c.LogLength = 0 },
	} {
		forget()
		contents := newest.Contents
		change(&contents)
		extra, err := json.Marshal(contents.Sign(s.Key))
		s.Must(err)
		other := newMemoryLog()
		other.add(follow.Leaf{Value: contents.Checkpoint.Encode(), ExtraData: extra})
		s.Options.Checkpoints = other
		s.Renew()
		if err := s.Rebuild(context.Background(), func(uint64, uint64) {}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("rebuilt, or not because %s: %v", words, err)
		}
		if got := logged(s); got.Size != 0 {
			t.Errorf("noted %+v", got)
		}
	}
}

// rebuilt rebuilds from honest logs.
func rebuilt(t *testing.T, s *registrytest.Setup, newest protocol.SignedCheckpoint) {
	t.Helper()
	s.Must(s.Rebuild(context.Background(), func(uint64, uint64) {}))
	if got, err := s.LatestCheckpoint(context.Background()); err != nil || got != newest {
		t.Errorf("rebuilt to %+v, want %+v, error %v", got, newest, err)
	}
	if !allLogged(s) {
		t.Errorf("verified of the checkpoints log: %+v", logged(s))
	}
	s.CheckPublished()
}

func recordOf(s *registrytest.Setup, leaf follow.Leaf) string {
	parsed, err := protocol.ParseLogLeaf(leaf.Value)
	s.Must(err)
	return fmt.Sprint("envelope of record ", parsed.RecordID)
}

// turned returns bytes with one of them changed.
func turned(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1
	return b
}
