package publisher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/parts"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What was accepted before a restart is published after it, once.
func TestRestart(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.LoadAtOnce(3, 5)
	s.Stop()
	a := s.Author("example:waiting")
	status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "content"))
	second := a.Post(registrytest.Yank("1.0.0"))
	s.Must(a.Upload(status.RecordID, "content"))
	s.Reopen()
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
	if got := a.Status(second.RecordID).State; got != registry.Processing {
		t.Errorf("after the restart: %v", got)
	}
	s.Start()
	a.Wait(second.RecordID)
	s.CheckPublished()
}

// Two processes that sequence and integrate at the same time do no harm.
func TestTwoAtOnce(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	defer registrytest.Start(t, parts.New(s.Options))()
	defer registrytest.Start(t, parts.New(s.Options))()
	s.LoadAtOnce(6, 20)
	s.CheckPublished()
	if err := s.Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

// The clock of one of two processes that publish at the same time is behind, and
// the other signs the newest checkpoint again and again: a later checkpoint never
// has an earlier time.
func TestTimesDoNotGoBack(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	ahead, behind := s.Options, s.Options
	ahead.Publisher.RepublishInterval = 1
	began := time.Now()
	ahead.Now = func() time.Time { return began.Add(1000 * time.Since(began)) } // a second each millisecond
	behind.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	defer registrytest.Start(t, parts.New(ahead))()
	defer registrytest.Start(t, parts.New(behind))()
	s.LoadAtOnce(4, 30)
	s.CheckPublished()
	s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) error {
		all, err := tx.CheckpointsAfter(0, 1000)
		if len(all) < 10 {
			t.Errorf("only %d checkpoints", len(all))
		}
		for i, c := range all[1:] {
			if before, now := all[i].Signed.Contents, c.Signed.Contents; now.Timestamp < before.Timestamp {
				t.Errorf("the checkpoint of length %d is of %d, that of length %d is of %d", before.LogLength, before.Timestamp, now.LogLength, now.Timestamp)
			}
		}
		return err
	}))
}

// Of the processes on one database one publishes, another when it resigns, and
// another when it falls silent.
func TestSuccession(t *testing.T) {
	s := registrytest.New(t)
	s.Options.Publisher.SharedStore = true
	first := parts.New(s.Options)
	stopFirst := registrytest.Start(t, first)
	s.Eventually("the first one publishes", func() bool { return first.Ready(context.Background()) == nil })
	s.Renew()
	s.Start()
	s.LoadAtOnce(2, 5)
	stopFirst()
	s.Load("example:later", 5)
	s.Stop()

	s.Must(s.Options.Store.Update(context.Background(), func(tx *store.Tx) error {
		nobody, err := tx.Leader()
		if err != nil || nobody.Holder != "" {
			t.Errorf("leader %+v after both have stopped, error %v", nobody, err)
		}
		_, err = tx.Lead(nobody, "a process that died")
		return err
	}))
	s.Renew()
	s.Start()
	began := time.Now()
	s.Load("example:after", 3)
	t.Logf("published %v after the leader fell silent", time.Since(began))
	s.CheckPublished()
}

func TestOperatorLog(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Eventually("the operator's record is published", func() bool { return s.Ready(context.Background()) == nil })
	records := func() []reader.PublishedRecord {
		t.Helper()
		checkpoint, err := s.LatestCheckpoint(context.Background())
		s.Must(err)
		answer, err := s.FetchLogs(context.Background(), reader.FetchLogsRequest{LogLength: checkpoint.Contents.LogLength, Limit: 10})
		s.Must(err)
		return answer.Operator
	}
	if got := records(); len(got) != 1 || got[0].RegistryIndex != 0 {
		t.Fatalf("operator records after the first start: %+v", got)
	}
	s.Reopen()
	// The same again adds nothing; a new one a record; the order of the log is
	// such that a package comes behind its namespace.
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}})
	s.InitOperator(admission.Namespaces{Defined: []string{"example", "more"}, Imported: []admission.ImportedNamespace{{Namespace: "far", Registry: "far.example"}}})
	a := s.Author("more:one")
	status := a.Post(registrytest.Init(a.Key))
	s.Start()
	published := a.Wait(status.RecordID)
	got := records()
	if len(got) != 2 || got[1].RegistryIndex >= published.RegistryIndex {
		t.Fatalf("operator records after the second start: %+v; a package of the new namespace at %d", got, published.RegistryIndex)
	}
	var log protocol.OperatorLog
	for _, r := range got {
		record, err := protocol.ParseOperatorEnvelope(r.Envelope)
		s.Must(err)
		s.Must(log.Validate(record))
	}
	if far, ok := log.Namespace("far"); !ok || !far.Imported || far.Registry != "far.example" {
		t.Errorf("imported namespace: %+v", far)
	}
	for _, n := range []admission.Namespaces{
		{Defined: []string{"far"}},
		{Imported: []admission.ImportedNamespace{{Namespace: "more", Registry: "x.example"}}},
		{Imported: []admission.ImportedNamespace{{Namespace: "far", Registry: "x.example"}}},
	} {
		if err := s.InitOperatorLog(context.Background(), n); err == nil {
			t.Errorf("%+v was taken against the operator log", n)
		}
	}
	s.CheckPublished()
	s.Options.Keys = signing.New(registrytest.NewKey(t))
	err := parts.New(s.Options).InitOperatorLog(context.Background(), admission.Namespaces{})
	if err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("another operator key: %v", err)
	}
}

// While an operator record is sequenced and not published yet, another one is
// accepted, and a package of the namespace that it defines: that waits for both.
func TestNamespaceBeforeItsPackages(t *testing.T) {
	s := registrytest.New(t)
	slow := s.Options
	slow.Publisher.CheckpointInterval = time.Hour // but for the first
	s.Registry = parts.New(slow)
	s.Start()
	s.Eventually("the first operator record is published", func() bool { return s.Ready(context.Background()) == nil })
	s.InitOperator(admission.Namespaces{Defined: []string{"example", "second"}})
	s.Eventually("the second one is sequenced", func() bool {
		root, err := s.Options.Records.Root(context.Background())
		s.Must(err)
		return root.Size == 2
	})
	s.InitOperator(admission.Namespaces{Defined: []string{"example", "second", "third"}})
	a := s.Author("third:one")
	status := a.Post(registrytest.Init(a.Key))
	time.Sleep(300 * time.Millisecond) // in which one that does not wait would go ahead
	s.Stop()
	s.Renew()
	s.Start()
	if got := a.Wait(status.RecordID).RegistryIndex; got != 3 {
		t.Errorf("the package's record is at %d, want it behind three operator records", got)
	}
	s.CheckPublished()
}

// Every checkpoint with new roots has its leaf in the checkpoints log, in order.
func TestCheckpointsLog(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	for i := range 5 {
		s.Load(fmt.Sprintf("example:p%d", i), 3)
	}
	ctx := context.Background()
	newest, err := s.LatestCheckpoint(ctx)
	s.Must(err)
	var last protocol.SignedCheckpoint
	s.Eventually("the newest checkpoint is logged", func() bool {
		root, err := s.Options.Checkpoints.Root(ctx)
		s.Must(err)
		leaves, err := s.Options.Checkpoints.Leaves(ctx, 0, int(root.Size))
		s.Must(err)
		last = protocol.SignedCheckpoint{}
		for _, leaf := range leaves {
			before := last.Contents.LogLength
			s.Must(json.Unmarshal(leaf.ExtraData, &last))
			if string(leaf.Value) != string(last.Contents.Checkpoint.Encode()) || last.Verify(s.Key.Public()) != nil || last.Contents.LogLength <= before {
				t.Fatalf("leaf %d of the checkpoints log: %+v behind length %d", leaf.Index, last, before)
			}
		}
		return last.Contents.LogLength == newest.Contents.LogLength
	})
	if last != newest {
		t.Errorf("logged %+v, newest is %+v", last, newest)
	}
}

func TestIdleRegistrySignsAgain(t *testing.T) {
	s := registrytest.New(t)
	s.Options.Publisher.RepublishInterval = 1
	s.Renew()
	s.Start()
	s.Eventually("there is a checkpoint", func() bool { return s.Ready(context.Background()) == nil })
	first, err := s.LatestCheckpoint(context.Background())
	s.Must(err)
	s.Eventually("it is signed again", func() bool {
		again, err := s.LatestCheckpoint(context.Background())
		s.Must(err)
		return again.Contents.Timestamp > first.Contents.Timestamp && again.Contents.Checkpoint == first.Contents.Checkpoint
	})
	s.CheckPublished()
}
