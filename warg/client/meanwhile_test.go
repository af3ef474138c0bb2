package client_test

import (
	"context"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// meanwhileStore is a store in which, just before a checkpoint is stored,
// another client stores one of its own.
type meanwhileStore struct {
	client.MemoryStore
	other []byte
}

func (s *meanwhileStore) Replace(ctx context.Context, name string, old, value []byte) error {
	if other := s.other; name == "checkpoint" && other != nil {
		s.other = nil
		if err := s.MemoryStore.Replace(ctx, name, old, other); err != nil {
			return err
		}
	}
	return s.MemoryStore.Replace(ctx, name, old, value)
}

// Two clients that share a store and read at the same time must have been shown
// the same log. The longer checkpoint stays.
func TestCheckpointStoredMeanwhile(t *testing.T) {
	s := newScene(t)
	latest, err := s.client(t, client.Options{}).Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shorter, fork, longer := s.contact, latest.Contents, latest.Contents
	fork.LogRoot[0]++
	older := s.contact.Contents
	older.LogRoot[0]++
	longer.LogLength++ // of which the registry can not prove anything
	for _, c := range []struct {
		what  string
		other protocol.SignedCheckpoint
		claim client.Claim // "": none is broken
	}{
		{"a shorter one", shorter, ""},
		{"the same", latest, ""},
		{"a fork of the same length", fork.Sign(s.key), client.ClaimConsistency},
		{"a shorter fork", older.Sign(s.key), client.ClaimConsistency},
		{"a longer one without proof", longer.Sign(s.key), client.ClaimConsistency},
	} {
		store := &meanwhileStore{other: marshal(t, c.other)}
		_, err := s.client(t, client.Options{Store: store}).Package(t.Context(), s.a)
		if c.claim != "" {
			refused(t, err, c.claim)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		value, err := store.Read(t.Context(), "checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		if got := decode[protocol.SignedCheckpoint](t, value); got.Contents.Checkpoint != latest.Contents.Checkpoint {
			t.Errorf("%s: length %d is remembered, want %d", c.what, got.Contents.LogLength, latest.Contents.LogLength)
		}
	}
}

// A client that is shown an older log than one that shares its store was shown
// meanwhile keeps what that one remembers.
func TestLongerCheckpointStays(t *testing.T) {
	s := newScene(t)
	latest, err := s.client(t, client.Options{}).Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	url := lie(t, s.registry, func(path string, _, answer []byte) []byte {
		if path == api.FetchCheckpointPath {
			return marshal(t, s.contact)
		}
		return answer
	})
	store := &meanwhileStore{other: marshal(t, latest)}
	p, err := newClient(t, url, client.Options{Store: store}).Package(t.Context(), s.a)
	if err != nil || p.Checkpoint.Contents != s.contact.Contents {
		t.Fatalf("read %+v, %v", p, err)
	}
	value, err := store.Read(t.Context(), "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	if got := decode[protocol.SignedCheckpoint](t, value); got.Contents.LogLength != latest.Contents.LogLength {
		t.Errorf("length %d is remembered, want %d", got.Contents.LogLength, latest.Contents.LogLength)
	}
}
