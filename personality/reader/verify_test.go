package reader_test

import (
	"context"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Keys count from when the operator's record that names them is published, and
// go on to count while a later one is not.
func TestVerifyCheckpointByPublishedKeys(t *testing.T) {
	s := registrytest.New(t) // its first operator record is accepted
	verify := func(contents protocol.TimestampedCheckpoint) (checkpoint, signature reader.Verdict) {
		t.Helper()
		checkpoint, signature, err := s.VerifyCheckpoint(context.Background(), contents.Sign(s.Key).Received())
		s.Must(err)
		return checkpoint, signature
	}
	var made protocol.TimestampedCheckpoint
	made.LogLength = 1
	if checkpoint, signature := verify(made); checkpoint != reader.Invalid || signature != reader.Invalid {
		t.Errorf("before anything is published: checkpoint %v, signature %v", checkpoint, signature)
	}
	s.Start()
	s.Load("example:one", 0)
	newest, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	if checkpoint, signature := verify(newest.Contents); checkpoint != reader.Verified || signature != reader.Verified {
		t.Errorf("published: checkpoint %v, signature %v", checkpoint, signature)
	}
	s.Stop()
	s.InitOperator(admission.Namespaces{Defined: []string{"example", "another"}}) // accepted, not published
	if checkpoint, signature := verify(newest.Contents); checkpoint != reader.Verified || signature != reader.Verified {
		t.Errorf("beside a record that is not published: checkpoint %v, signature %v", checkpoint, signature)
	}
}
