package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// load publishes a package with a chain of releases and waits for its end.
func (s *setup) load(name string, releases int) {
	a := s.author(name)
	a.post(initEntry(a.key))
	for i := range releases {
		if status := a.post(release(fmt.Sprintf("1.0.%d", i), name)); status.State == registry.Sourcing {
			if err := a.upload(status.RecordID, name); err != nil && !errors.Is(err, registry.ErrRecordNotSourcing) {
				s.t.Errorf("%s: %v", name, err)
			}
		}
	}
	a.wait(mustHash(s.t, a.head))
}

func (s *setup) loadAtOnce(packages, releases int) {
	var wg sync.WaitGroup
	for i := range packages {
		wg.Go(func() { s.load(fmt.Sprintf("example:p%d", i), releases) })
	}
	wg.Wait()
}

// What was accepted before a restart is published after it, once.
func TestRestart(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.loadAtOnce(3, 5)
	s.stopRunning()
	a := s.author("example:waiting")
	status := a.post(initEntry(a.key), release("1.0.0", "content"))
	second := a.post(yank("1.0.0"))
	s.must(a.upload(status.RecordID, "content"))
	s.reopen()
	s.init(registry.Namespaces{Defined: []string{"example"}})
	if got := a.status(second.RecordID).State; got != registry.Processing {
		t.Errorf("after the restart: %v", got)
	}
	s.run()
	a.wait(second.RecordID)
	s.checkPublished()
}

// Two processes that sequence and integrate at the same time do no harm.
func TestTwoAtOnce(t *testing.T) {
	s := newSetup(t)
	s.run()
	defer start(t, registry.New(s.options))()
	defer start(t, registry.New(s.options))()
	s.loadAtOnce(6, 20)
	s.checkPublished()
	if err := s.Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

// The clock of one of two processes that publish at the same time is behind, and
// the other signs the newest checkpoint again and again: a later checkpoint never
// has an earlier time.
func TestTimesDoNotGoBack(t *testing.T) {
	s := newSetup(t)
	s.run()
	ahead, behind := s.options, s.options
	ahead.ResignInterval = 1
	began := time.Now()
	ahead.Now = func() time.Time { return began.Add(1000 * time.Since(began)) } // a second each millisecond
	behind.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	defer start(t, registry.New(ahead))()
	defer start(t, registry.New(behind))()
	s.loadAtOnce(4, 30)
	s.checkPublished()
	s.must(s.options.Store.View(context.Background(), func(tx *store.Tx) error {
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
	s := newSetup(t)
	s.options.SharedStore = true
	first := registry.New(s.options)
	stopFirst := start(t, first)
	s.eventually("the first one publishes", func() bool { return first.Ready(context.Background()) == nil })
	s.Registry = registry.New(s.options)
	s.run()
	s.loadAtOnce(2, 5)
	stopFirst()
	s.load("example:later", 5)
	s.stopRunning()

	s.must(s.options.Store.Update(context.Background(), func(tx *store.Tx) error {
		nobody, err := tx.Leader()
		if err != nil || nobody.Holder != "" {
			t.Errorf("leader %+v after both have stopped, error %v", nobody, err)
		}
		_, err = tx.Lead(nobody, "a process that died")
		return err
	}))
	s.Registry = registry.New(s.options)
	s.run()
	began := time.Now()
	s.load("example:after", 3)
	t.Logf("published %v after the leader fell silent", time.Since(began))
	s.checkPublished()
}

func TestOperatorLog(t *testing.T) {
	s := newSetup(t)
	s.run()
	s.eventually("the operator's record is published", func() bool { return s.Ready(context.Background()) == nil })
	records := func() []registry.PublishedRecord {
		t.Helper()
		checkpoint, err := s.LatestCheckpoint(context.Background())
		s.must(err)
		answer, err := s.FetchLogs(context.Background(), registry.FetchLogsRequest{LogLength: checkpoint.Contents.LogLength, Limit: 10})
		s.must(err)
		return answer.Operator
	}
	if got := records(); len(got) != 1 || got[0].RegistryIndex != 0 {
		t.Fatalf("operator records after the first start: %+v", got)
	}
	s.reopen()
	// The same again adds nothing; a new one a record; the order of the log is
	// such that a package comes behind its namespace.
	s.init(registry.Namespaces{Defined: []string{"example"}})
	s.init(registry.Namespaces{Defined: []string{"example", "more"}, Imported: []registry.ImportedNamespace{{Namespace: "far", Registry: "far.example"}}})
	a := s.author("more:one")
	status := a.post(initEntry(a.key))
	s.run()
	published := a.wait(status.RecordID)
	got := records()
	if len(got) != 2 || got[1].RegistryIndex >= published.RegistryIndex {
		t.Fatalf("operator records after the second start: %+v; a package of the new namespace at %d", got, published.RegistryIndex)
	}
	var log protocol.OperatorLog
	for _, r := range got {
		record, err := protocol.ParseOperatorEnvelope(r.Envelope)
		s.must(err)
		s.must(log.Validate(record))
	}
	if far, ok := log.Namespace("far"); !ok || !far.Imported || far.Registry != "far.example" {
		t.Errorf("imported namespace: %+v", far)
	}
	for _, n := range []registry.Namespaces{
		{Defined: []string{"far"}},
		{Imported: []registry.ImportedNamespace{{Namespace: "more", Registry: "x.example"}}},
		{Imported: []registry.ImportedNamespace{{Namespace: "far", Registry: "x.example"}}},
	} {
		if err := s.InitOperatorLog(context.Background(), n); err == nil {
			t.Errorf("%+v was taken against the operator log", n)
		}
	}
	s.checkPublished()
	s.options.OperatorKey = newKey(t)
	err := registry.New(s.options).InitOperatorLog(context.Background(), registry.Namespaces{})
	if err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("another operator key: %v", err)
	}
}

// While an operator record is sequenced and not published yet, another one is
// accepted, and a package of the namespace that it defines: that waits for both.
func TestNamespaceBeforeItsPackages(t *testing.T) {
	s := newSetup(t)
	slow := s.options
	slow.CheckpointInterval = time.Hour // but for the first
	s.Registry = registry.New(slow)
	s.run()
	s.eventually("the first operator record is published", func() bool { return s.Ready(context.Background()) == nil })
	s.init(registry.Namespaces{Defined: []string{"example", "second"}})
	s.eventually("the second one is sequenced", func() bool {
		root, err := s.options.Records.Root(context.Background())
		s.must(err)
		return root.Size == 2
	})
	s.init(registry.Namespaces{Defined: []string{"example", "second", "third"}})
	a := s.author("third:one")
	status := a.post(initEntry(a.key))
	time.Sleep(300 * time.Millisecond) // in which one that does not wait would go ahead
	s.stopRunning()
	s.Registry = registry.New(s.options)
	s.run()
	if got := a.wait(status.RecordID).RegistryIndex; got != 3 {
		t.Errorf("the package's record is at %d, want it behind three operator records", got)
	}
	s.checkPublished()
}

// Every checkpoint with new roots has its leaf in the checkpoints log, in order.
func TestCheckpointsLog(t *testing.T) {
	s := newSetup(t)
	s.run()
	for i := range 5 {
		s.load(fmt.Sprintf("example:p%d", i), 3)
	}
	ctx := context.Background()
	newest, err := s.LatestCheckpoint(ctx)
	s.must(err)
	var last protocol.SignedCheckpoint
	s.eventually("the newest checkpoint is logged", func() bool {
		root, err := s.options.Checkpoints.Root(ctx)
		s.must(err)
		leaves, err := s.options.Checkpoints.Leaves(ctx, 0, int(root.Size))
		s.must(err)
		last = protocol.SignedCheckpoint{}
		for _, leaf := range leaves {
			before := last.Contents.LogLength
			s.must(json.Unmarshal(leaf.ExtraData, &last))
			if string(leaf.Value) != string(last.Contents.Checkpoint.Encode()) || last.Verify(s.key.Public()) != nil || last.Contents.LogLength <= before {
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
	s := newSetup(t)
	s.options.ResignInterval = 1
	s.Registry = registry.New(s.options)
	s.run()
	s.eventually("there is a checkpoint", func() bool { return s.Ready(context.Background()) == nil })
	first, err := s.LatestCheckpoint(context.Background())
	s.must(err)
	s.eventually("it is signed again", func() bool {
		again, err := s.LatestCheckpoint(context.Background())
		s.must(err)
		return again.Contents.Timestamp > first.Contents.Timestamp && again.Contents.Checkpoint == first.Contents.Checkpoint
	})
	s.checkPublished()
}
